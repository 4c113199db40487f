/**
 * Of several ways to write one image's key the same text: a record may name it as `s3://bucket/key`, URL-encoded as an S3 event
 * has it, or in another Unicode form than the bucket. Two different keys may come to the same text (`a+b`, `a b`): who is
 * meant then, only the exact spelling tells.
 */
export function spellingOf(name: string, bucket?: string): string {
  const key = withoutBucket(name, bucket);
  return PLAIN.test(key) ? key : decoded(key).normalize('NFC');
}

/** Nothing in it that could be written otherwise. */
const PLAIN = /^[\x20-\x24\x26-\x2a\x2c-\x7e]*$/;

function withoutBucket(name: string, bucket: string | undefined): string {
  const [, ofUri] = /^s3:\/\/[^/]+\/(.+)$/s.exec(name) ?? [];
  if (ofUri !== undefined) return ofUri;
  return bucket !== undefined && name.startsWith(`${bucket}/`) ? name.slice(bucket.length + 1) : name;
}

/** `%20` and `+` as spaces; a text that is no URL encoding as it is. */
function decoded(key: string): string {
  try {
    return decodeURIComponent(key.replaceAll('+', ' '));
  } catch {
    return key.replaceAll('+', ' ');
  }
}

/** One text for a person, however the function's reply and the table write the name: case, spaces, underscores, Unicode forms. */
export const foldedPerson = (name: string): string =>
  name
    .normalize('NFKC')
    .toLowerCase()
    .replace(/[\s_]+/g, '_')
    .replace(/^_|_$/g, '');
