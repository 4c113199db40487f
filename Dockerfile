# The bot, for real Slack and AWS: settings come from the environment (README, "Settings").
FROM node:24-slim
WORKDIR /app
ENV NODE_ENV=production
COPY package.json package-lock.json .npmrc ./
RUN npm ci --omit=dev --ignore-scripts
COPY src ./src
USER node
# exec form: SIGTERM reaches the bot itself, which leaves its run resumable
CMD ["node", "src/main.ts"]
