import type { FunctionPackage } from './function-package.ts';

/** An error of Lambda's Python runtime at the start of the function, as its reply has it. */
export interface ImportError {
  readonly errorType: string;
  readonly errorMessage: string;
}

/** The modules of Python 3.13, and those of Lambda's Python runtime besides. */
const KNOWN_MODULES: ReadonlySet<string> = new Set(
  `__future__ _thread abc aifc antigravity argparse array ast asynchat asyncio asyncore atexit audioop base64 bdb
   binascii bisect builtins bz2 cProfile calendar cgi cgitb chunk cmath cmd code codecs codeop collections colorsys
   compileall concurrent configparser contextlib contextvars copy copyreg crypt csv ctypes curses dataclasses
   datetime dbm decimal difflib dis distutils doctest email encodings ensurepip enum errno faulthandler fcntl
   filecmp fileinput fnmatch fractions ftplib functools gc genericpath getopt getpass gettext glob graphlib grp
   gzip hashlib heapq hmac html http idlelib imaplib imghdr imp importlib inspect io ipaddress itertools json
   keyword lib2to3 linecache locale logging lzma mailbox mailcap marshal math mimetypes mmap modulefinder msilib
   msvcrt multiprocessing netrc nis nntplib nt ntpath nturl2path numbers opcode operator optparse os ossaudiodev
   pathlib pdb pickle pickletools pipes pkgutil platform plistlib poplib posix posixpath pprint profile pstats pty
   pwd py_compile pyclbr pydoc pydoc_data pyexpat queue quopri random re readline reprlib resource rlcompleter
   runpy sched secrets select selectors shelve shlex shutil signal site smtpd smtplib sndhdr socket socketserver
   spwd sqlite3 sre_compile sre_constants sre_parse ssl stat statistics string stringprep struct subprocess sunau
   symtable sys sysconfig syslog tabnanny tarfile telnetlib tempfile termios textwrap this threading time timeit
   tkinter token tokenize tomllib trace traceback tracemalloc tty turtle turtledemo types typing unicodedata
   unittest urllib uu uuid venv warnings wave weakref webbrowser winreg winsound wsgiref xdrlib xml xmlrpc zipapp
   zipfile zipimport zlib zoneinfo
   awslambdaric boto3 botocore dateutil jmespath s3transfer six snapshot_restore_py urllib3`.split(/\s+/),
);
const IMPORT = /^(?:from\s+([\p{L}\p{N}_.]+)\s+import\b|import\s+([^#;]+))/u;
/** A `def` on one line without its colon: the one syntax error that is recognised. */
const NO_COLON = /^(?:async\s+)?def\s+\w+\([^()]*\)\s*$/;

/**
 * The error of Lambda's Python runtime when it cannot load the handler, or undefined when it can. Nothing is executed: the
 * text of the module, and of the modules of the package that it imports, is searched for imports of modules that do not
 * exist, for a missing colon, and for the handler.
 */
export function importErrorOf(handler: string, content: FunctionPackage): ImportError | undefined {
  const dot = handler.lastIndexOf('.');
  if (dot < 0)
    return {
      errorType: 'Runtime.MalformedHandlerName',
      errorMessage: `Bad handler '${handler}': not enough values to unpack (expected 2, got 1)`,
    };
  const module = handler.slice(0, dot).replaceAll('/', '.');
  const name = handler.slice(dot + 1);
  const source = sourceOf(module, content)?.text;
  const unloaded = source === undefined ? missing(module, module) : loadErrorOf(module, module, content, new Set());
  if (unloaded || source === undefined) return unloaded;
  // Searches the text for a definition, an assignment or an imported name.
  const defined = () =>
    new RegExp(
      `^(?:async\\s+)?(?:def|class)\\s+${name}\\b|^${name}\\s*[:=]|^(?:from\\s.*)?import\\s.*\\b${name}\\b`,
      'm',
    );
  return /^[\p{L}\p{N}_]+$/u.test(name) && defined().test(source)
    ? undefined
    : {
        errorType: 'Runtime.HandlerNotFound',
        errorMessage: `Handler '${name}' missing on module '${module}'`,
      };
}

const missing = (module: string, wanted: string): ImportError => ({
  errorType: 'Runtime.ImportModuleError',
  errorMessage: `Unable to import module '${module}': No module named '${wanted}'`,
});

/** The error that the import of `module` ends with; `root` is the module of the handler, which Lambda names. */
function loadErrorOf(
  root: string,
  module: string,
  content: FunctionPackage,
  loaded: Set<string>,
): ImportError | undefined {
  if (loaded.has(module)) return;
  loaded.add(module);
  const source = sourceOf(module, content);
  if (source === undefined) return;
  for (const [at, line] of source.text.split(/\r?\n/).entries()) {
    if (NO_COLON.test(line))
      return {
        errorType: 'Runtime.UserCodeSyntaxError',
        errorMessage: `Syntax error in module '${root}': expected ':' (${source.path.split('/').at(-1)}, line ${at + 1})`,
      };
    for (const imported of importsOf(line)) {
      const [top = ''] = imported.split('.');
      if (!KNOWN_MODULES.has(top) && !isInPackage(top, content)) return missing(root, top);
      const error = loadErrorOf(root, imported, content, loaded);
      if (error) return error;
    }
  }
  return;
}

/** The modules that a line at the top level of a module imports. Relative imports are not followed. */
function importsOf(line: string): string[] {
  const [, from, list = ''] = IMPORT.exec(line) ?? [];
  if (from !== undefined) return from.startsWith('.') ? [] : [from];
  return list
    .split(',')
    .map((one) => one.trim().split(/\s+/)[0] ?? '')
    .filter((one) => one !== '');
}

function sourceOf(module: string, content: FunctionPackage): { path: string; text: string } | undefined {
  const path = module.replaceAll('.', '/');
  for (const candidate of [`${path}.py`, `${path}/__init__.py`]) {
    const text = content.text(candidate);
    if (text !== undefined) return { path: candidate, text };
  }
  return;
}

const isInPackage = (top: string, { files }: FunctionPackage): boolean =>
  files.some(({ name }) => name === `${top}.py` || name.startsWith(`${top}/`) || name.startsWith(`${top}.`));
