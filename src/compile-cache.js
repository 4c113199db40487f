import { enableCompileCache } from 'node:module';
import { fileURLToPath } from 'node:url';

// Loaded before main.ts: with the cache, Node does not load its TypeScript parser, which takes 20 to 30 MB. The folder must not be
// writable for others, because code is loaded from it. NODE_COMPILE_CACHE names another one; where neither can be written, there is none.
enableCompileCache(
  process.env.NODE_COMPILE_CACHE ?? fileURLToPath(new URL('../node_modules/.cache/compile-cache', import.meta.url)),
);
