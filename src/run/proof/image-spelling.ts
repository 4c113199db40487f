/**
 * One text for the different spellings of a key: a record may name an image as `s3://bucket/key`, URL-encoded as in an
 * S3 event, or in another Unicode form than the bucket. Two different keys may have the same text (`a+b`, `a b`); only
 * the exact spelling distinguishes them.
 */
export function normaliseKey(name: string, bucket?: string): string {
  const key = withoutBucket(name, bucket);
  return PLAIN.test(key) ? key : decode(key).normalize('NFC');
}

/** Matches a key that has only one spelling. */
const PLAIN = /^[\x20-\x24\x26-\x2a\x2c-\x7e]*$/;

function withoutBucket(name: string, bucket: string | undefined): string {
  const [, ofUri] = /^s3:\/\/[^/]+\/(.+)$/s.exec(name) ?? [];
  if (ofUri !== undefined) return ofUri;
  return bucket !== undefined && name.startsWith(`${bucket}/`) ? name.slice(bucket.length + 1) : name;
}

/** Decodes `%20` and `+` to spaces. A text that is not URL-encoded stays as it is. */
function decode(key: string): string {
  try {
    return decodeURIComponent(key.replaceAll('+', ' '));
  } catch {
    return key.replaceAll('+', ' ');
  }
}
