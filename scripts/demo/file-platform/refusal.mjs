/** What a caller is answered instead of what was asked for. */
export class Refusal extends Error {
  /**
   * @param {number} status
   * @param {string} code the `message` of the answer
   * @param {Record<string, string>} [headers]
   */
  constructor(status, code, headers = {}) {
    super(code);
    this.status = status;
    this.headers = headers;
  }
}

export const notFound = () => new Refusal(404, 'RESOURCE_NOT_FOUND');
