# The bot, for real Slack and AWS: settings come from the environment (README, "Settings"). deploy/README.md says how to run it.
# The tag is exact; to pin the digest as well, see deploy/README.md. It is the Node version of package-lock.json.
FROM node:24.21.0-bookworm-slim AS modules
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
# Type declarations and source maps are two fifths of the modules, and nothing reads them at run time.
RUN npm ci --omit=dev --ignore-scripts \
  && find node_modules -type f \( -name '*.d.ts' -o -name '*.d.mts' -o -name '*.d.cts' -o -name '*.map' \) -delete

FROM node:24.21.0-bookworm-slim
WORKDIR /app
# The cache saves 20 MB of memory. The MALLOC variables as in `npm start`: glibc returns freed memory (docs/decisions/0009-memory.md).
ENV NODE_ENV=production NODE_COMPILE_CACHE=/home/node/compile-cache \
  MALLOC_ARENA_MAX=2 MALLOC_TRIM_THRESHOLD_=131072 MALLOC_MMAP_THRESHOLD_=131072
COPY package.json ./
COPY --from=modules /app/node_modules ./node_modules
COPY src ./src
COPY deploy/healthcheck.ts ./deploy/healthcheck.ts
# The only folder in which the bot writes: temporary files and STOP_FILE. Mounted there, everything else can be read-only.
VOLUME ["/tmp"]
USER node
# The start without settings ends at once and fills the compile cache.
RUN node --import ./src/compile-cache.js src/main.ts 2>/dev/null || true
HEALTHCHECK --interval=30s --timeout=10s --start-period=120s --retries=4 CMD ["node", "deploy/healthcheck.ts"]
# exec form: SIGTERM reaches the bot itself, which leaves its run resumable
CMD ["node", "--max-semi-space-size=8", "--max-old-space-size=400", "--heap-growing-percent=20", "--import", "./src/compile-cache.js", "src/main.ts"]
