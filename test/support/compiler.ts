import { execFile } from 'node:child_process';
import { mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';

/** A value as it was met at run time, and the published type that it is said to be. */
export interface Claim {
  readonly name: string;
  /** A type as written in TypeScript, `AuthTestResponse`, or `BlockAction<ButtonAction>`. */
  readonly type: string;
  /** Where each name in `type` is published. */
  readonly imports: Readonly<Record<string, string>>;
  readonly value: unknown;
}

const OPTIONS = {
  compilerOptions: {
    strict: true,
    noEmit: true,
    skipLibCheck: true,
    module: 'nodenext',
    moduleResolution: 'nodenext',
    target: 'es2024',
    types: ['node'],
  },
  files: ['claims.ts'],
};

/**
 * What the TypeScript compiler has against each claim, by the claim's name; an empty list for a value of its type. The
 * values are written down as literals, so that a required field that is missing, a field of a wrong type and a field that
 * the type does not have are each complained of. One compiler run for all of them, in a directory of its own.
 */
export async function complaintsAbout(claims: readonly Claim[]): Promise<ReadonlyMap<string, readonly string[]>> {
  const lines: { readonly text: string; readonly claim?: string }[] = [];
  for (const { name, type, imports, value } of claims) {
    const at = lines.length;
    for (const [imported, from] of Object.entries(imports))
      lines.push({ text: `import type { ${imported} as ${imported}_${at} } from ${JSON.stringify(from)};` });
    const typeHere = Object.keys(imports).reduce(
      (text, imported) => text.replaceAll(new RegExp(`\\b${imported}\\b`, 'g'), `${imported}_${at}`),
      type,
    );
    const [first = '', ...rest] = JSON.stringify(value, null, 1).split('\n');
    lines.push({ text: `export const claim${at}: ${typeHere} = ${first}`, claim: name });
    lines.push(...rest.map((text) => ({ text, claim: name })));
  }
  const found = new Map<string, string[]>(claims.map(({ name }) => [name, []]));
  for (const { line, message } of await compile(lines.map(({ text }) => text).join('\n'))) {
    const { text = '', claim } = lines[line - 1] ?? {};
    const complaints = claim === undefined ? undefined : found.get(claim);
    if (!complaints) throw new Error(`The compiler could not judge: ${message}`);
    complaints.push(`${text.trim()} — ${message}`);
  }
  return found;
}

async function compile(source: string): Promise<{ line: number; message: string }[]> {
  const home = await mkdtemp(join(tmpdir(), 'claims-'));
  try {
    await symlink(resolve('node_modules'), join(home, 'node_modules'));
    await writeFile(join(home, 'tsconfig.json'), JSON.stringify(OPTIONS));
    await writeFile(join(home, 'claims.ts'), source);
    const compiler = resolve('node_modules/typescript/bin/tsc');
    const said = await promisify(execFile)(process.execPath, [compiler, '-p', home, '--pretty', 'false']).then(
      ({ stdout }) => stdout,
      // It ends with a code of its own where there is something to complain of, and says what on stdout.
      (error: { stdout?: string }) => error.stdout || Promise.reject(error),
    );
    return said
      .split(/\n(?=\S)/)
      .filter((complaint) => complaint.trim() !== '')
      .map((complaint) => {
        const [, line, message] = /^\S*claims\.ts\((\d+),\d+\): ([\s\S]*)$/.exec(complaint.trim()) ?? [];
        if (line === undefined || message === undefined) throw new Error(`The compiler failed: ${complaint}`);
        return { line: Number(line), message };
      });
  } finally {
    await rm(home, { recursive: true, force: true });
  }
}
