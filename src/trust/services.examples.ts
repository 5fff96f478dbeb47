/** A certificate made for this page, until 2125. Nobody holds its key: to trust it lets nobody in. */
export const CERTIFICATE = [
  '-----BEGIN CERTIFICATE-----',
  'MIIBhzCCASygAwIBAgIEXA/+4TAKBggqhkjOPQQDAjAbMRkwFwYDVQQDExBjbG91',
  'ZDMubG9jYWxob3N0MCAXDTI1MDEwMTAwMDAwMFoYDzIxMjUwMTAxMDAwMDAwWjAb',
  'MRkwFwYDVQQDExBjbG91ZDMubG9jYWxob3N0MFkwEwYHKoZIzj0CAQYIKoZIzj0D',
  'AQcDQgAEMUC+XR/r1kq5G4xnk10vgIf6t+DHVeza1VZytQbTWCV85RpKZ/6WSDih',
  'yXl6uV+d6V3l/mRQJpacPtI4+gAD9qNcMFowDAYDVR0TAQH/BAIwADAOBgNVHQ8B',
  'Af8EBAMCB4AwHQYDVR0lBBYwFAYIKwYBBQUHAwIGCCsGAQUFBwMBMBsGA1UdEQQU',
  'MBKCEGNsb3VkMy5sb2NhbGhvc3QwCgYIKoZIzj0EAwIDSQAwRgIhANZ/EX6o2fcr',
  'wKkoZIm2XjvehgfrbQmU9yOQKgQpSdLjAiEAimNUU1oWdVluJe+JKEjZ7osd/riH',
  '4JVnyi3eXGl5m7M=',
  '-----END CERTIFICATE-----',
].join('\n');

/** Bodies that work when they are sent as they are. */
export const ADD_SERVICE_EXAMPLES = {
  handshake: {
    summary: 'Ask a cloud for trust',
    value: { url: 'https://cloud2.localhost:8442' },
  },
  byHand: {
    summary: 'Trust a cloud by hand that knows no handshake',
    value: {
      url: 'https://cloud3.localhost:8443',
      certificate: CERTIFICATE,
      expectedFingerprint: 'sha256:GKaqLM1UY6xCYF4eLG_h-MwcdxwR4PCHTPXRpa0Xr3k',
      domains: ['cloud3.example'],
      policy: { implicitAcceptance: true, flavour: 'plain' },
    },
  },
};
