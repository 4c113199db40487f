/** An error in the form of Python: class and text. */
export class PythonError extends Error {
  readonly type: string;
  constructor(type: string, message: string) {
    super(message);
    this.type = type;
  }
}

/** The text that boto3 makes of a refusal. */
export const clientErrorText = (type: string, operation: string, message: string): string =>
  `An error occurred (${type}) when calling the ${operation} operation: ${message}`;

export function asPython(error: unknown): PythonError {
  if (error instanceof PythonError) return error;
  if (error instanceof Error)
    return new PythonError(error.name === 'Error' ? 'RuntimeError' : error.name, error.message);
  return new PythonError('RuntimeError', String(error));
}
