/** The records of a CSV text (RFC 4180): fields in quotes may contain the delimiter, line breaks and doubled quotes. */
export function parseCsv(text: string, delimiter = ','): string[][] {
  const records: string[][] = [];
  let record: string[] = [];
  let field = '';
  let isQuoted = false;
  let isStarted = false;
  const endRecord = () => {
    if (isStarted) records.push([...record, field]);
    record = [];
    field = '';
    isStarted = false;
  };
  for (let i = 0; i < text.length; i += 1) {
    const char = text.charAt(i);
    if (isQuoted) {
      if (char !== '"') field += char;
      else if (text.charAt(i + 1) === '"') {
        field += '"';
        i += 1;
      } else isQuoted = false;
      continue;
    }
    if (char === '\n') endRecord();
    else if (char === '\r' && text.charAt(i + 1) === '\n') continue;
    else {
      isStarted = true;
      if (char === '"' && field === '') isQuoted = true;
      else if (char === delimiter) {
        record.push(field);
        field = '';
      } else field += char;
    }
  }
  endRecord();
  return records;
}
