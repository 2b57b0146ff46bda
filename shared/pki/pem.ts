// Files of certificates as text.

/** Each certificate of a file that may have several, such as old and new authorities; in PEM. */
export function certificatesIn(pem: Buffer): string[] {
  return pem.toString('latin1').match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? [];
}
