/**
 * dynalite holds items in plain objects: it loses an attribute named `__proto__`, and finds one named `toString` in every item.
 * Inside, texts that are such a name end with a character that DynamoDB does not use itself.
 */
const MARK = '\uE000';
const NAMES = Object.getOwnPropertyNames(Object.prototype).join('|');
const OUTSIDE = new RegExp(`"(${NAMES})"`, 'g');
const INSIDE = new RegExp(`"(${NAMES})${MARK}"`, 'g');

/** The JSON of a request as dynalite takes it. */
export const withMarks = (json: string): string => json.replace(OUTSIDE, `"$1${MARK}"`);

/** The JSON of an answer as DynamoDB sends it. */
export const withoutMarks = (json: string): string => json.replace(INSIDE, '"$1"');
