import { FederatedAddress } from '../kernel/federated-address.js';

/**
 * Whom a share is for. `local` is an account id or a username without a domain: it names an account of the cloud that
 * receives the share.
 */
export type Recipient =
  | { readonly kind: 'address'; readonly address: FederatedAddress }
  | { readonly kind: 'local'; readonly name: string };

/** A text with an `@` is an address or nothing; any other text is a local name. */
export function parseRecipient(text: string): Recipient | undefined {
  if (!text.includes('@')) return { kind: 'local', name: text };
  const address = FederatedAddress.tryParse(text);
  return address && { kind: 'address', address };
}

/** The recipient as one text: `bob@cloud2.example`, or the bare name. */
export function recipientText(recipient: Recipient): string {
  return recipient.kind === 'address' ? recipient.address.toString() : recipient.name;
}
