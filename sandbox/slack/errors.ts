import type { JsonRecord } from './rules/json.ts';

/** An error of the Web API: `{ok: false, error}` with `details`. The HTTP status is 200, as in Slack. */
export class WebApiError extends Error {
  readonly code: string;
  readonly details: JsonRecord;
  constructor(code: string, details: JsonRecord = {}) {
    super(code);
    this.name = 'WebApiError';
    this.code = code;
    this.details = details;
  }
}

/** A request that a person cannot make. Nothing reached the app. `status` is the HTTP status of the answer. */
export class PersonRefusedError extends Error {
  readonly status: number;
  readonly code: string;
  readonly details: JsonRecord;
  constructor(status: number, code: string, message: string, details: JsonRecord = {}) {
    super(message);
    this.name = 'PersonRefusedError';
    this.status = status;
    this.code = code;
    this.details = details;
  }
}

/** The port of the local Slack is in use. */
export class PortInUseError extends Error {
  readonly port: number;
  constructor(port: number, cause: unknown) {
    super(
      `Port ${port} is in use, so the local Slack cannot start. Stop the program that uses it, or choose another port.`,
      {
        cause,
      },
    );
    this.name = 'PortInUseError';
    this.port = port;
  }
}

/** The manifest does not describe an app that the local Slack can install. */
export class ManifestError extends Error {
  readonly problems: readonly string[];
  constructor(problems: readonly string[], cause?: unknown) {
    super(`The manifest cannot be used: ${problems.join('; ')}`, { cause });
    this.name = 'ManifestError';
    this.problems = problems;
  }
}
