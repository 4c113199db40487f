# The bot, for real Slack and AWS: settings come from the environment (README, "Settings").
FROM node:24-slim
WORKDIR /app
ENV NODE_ENV=production
COPY package.json package-lock.json .npmrc ./
RUN npm ci --omit=dev --ignore-scripts
COPY src ./src
USER node
# exec form: SIGTERM reaches the bot itself, which leaves its run resumable
CMD ["node", "--optimize-for-size", "--max-semi-space-size=4", "src/main.ts"]
