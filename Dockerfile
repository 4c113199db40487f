# The bot, for real Slack and AWS: settings come from the environment (README, "Settings").
FROM node:24-slim
WORKDIR /app
ENV NODE_ENV=production
COPY package.json package-lock.json .npmrc ./
RUN npm ci --omit=dev --ignore-scripts
COPY src ./src
USER node
# The start without settings ends at once and fills the compile cache, so that the bot needs 20 MB less.
ENV NODE_COMPILE_CACHE=/home/node/compile-cache
# As in `npm start`: fewer pools of freed memory that glibc keeps (docs/decisions/0009-memory.md).
ENV MALLOC_ARENA_MAX=2
RUN node --import ./src/compile-cache.js src/main.ts 2>/dev/null || true
# exec form: SIGTERM reaches the bot itself, which leaves its run resumable
CMD ["node", "--max-semi-space-size=16", "--max-old-space-size=1000", "--import", "./src/compile-cache.js", "src/main.ts"]
