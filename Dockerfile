# syntax=docker/dockerfile:1

FROM node:24-bookworm-slim AS build
WORKDIR /app
COPY package.json package-lock.json ./
RUN npm ci --no-audit --no-fund
COPY nest-cli.json tsconfig.json tsconfig.build.json ./
COPY scripts ./scripts
COPY src ./src
RUN npm run build

FROM node:24-bookworm-slim AS dependencies
WORKDIR /app
COPY package.json package-lock.json ./
RUN npm ci --omit=dev --no-audit --no-fund

FROM node:24-bookworm-slim
ENV NODE_ENV=production \
    DATA_DIR=/data
WORKDIR /app
COPY --from=dependencies /app/node_modules ./node_modules
COPY --from=build /app/dist ./dist
COPY package.json LICENSE ./
# A named volume that is mounted here for the first time takes over owner and mode.
RUN install -d -o node -g node -m 0700 /data
USER node
VOLUME /data
EXPOSE 8441
STOPSIGNAL SIGTERM
# The probe asks this very container over loopback; whose certificate it shows is of no interest here.
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s --start-interval=1s --retries=3 CMD ["node", "-e", "\
const { port } = new URL(process.env.PUBLIC_ORIGIN || 'https://cloud1.localhost:8441');\
const options = { host: '127.0.0.1', port: process.env.LISTEN_PORT || port || 443, path: '/health/ready', rejectUnauthorized: false };\
require('node:https').get(options, (answer) => process.exit(answer.statusCode === 200 ? 0 : 1)).on('error', () => process.exit(1));"]
CMD ["node", "dist/main.js"]
