/**
 * The caller's certificate as RFC 9440 wants it: base64 of the DER between colons. An empty text, which removes the
 * header, if there is none; if the session was resumed, so that nobody proved to hold its key just now; and if the caller
 * asks in Connection for the header to be dropped on the way.
 */
function clientCert(r) {
  const pem = r.variables.ssl_client_raw_cert;
  const isResumed = r.variables.ssl_session_reused === 'r';
  if (!pem || isResumed || r.rawHeadersIn.some(dropsTheHeader)) return '';
  return `:${pem.replace(/-----[A-Z ]+-----|\s/g, '')}:`;
}

/** @param header name and value */
function dropsTheHeader(header) {
  return header[0].toLowerCase() === 'connection' && header[1].toLowerCase().includes('client-cert');
}

export default { clientCert };
