# The service without its tests, and without the embedded database: DATABASE_URL names one.
FROM node:26.10.0-trixie-slim AS packages
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
RUN npm ci --omit=dev --omit=optional --ignore-scripts --no-audit --no-fund

FROM node:26.10.0-trixie-slim
ENV NODE_ENV=production MAILTRAIL_HOST=0.0.0.0 MAILTRAIL_PORT=3000 MAILTRAIL_DATA=/var/lib/mailtrail
WORKDIR /app
COPY --from=packages /app/node_modules node_modules
COPY package.json ./
COPY migrations migrations
COPY src src
# Keys and the spool of hits: what is lost with it cannot be made again.
RUN install -d -o node -g node /var/lib/mailtrail
VOLUME /var/lib/mailtrail
USER node
EXPOSE 3000
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s --retries=3 \
  CMD ["node", "-e", "fetch('http://127.0.0.1:' + process.env.MAILTRAIL_PORT + '/health').then(({ ok }) => process.exit(ok ? 0 : 1), () => process.exit(1))"]
# Node itself and not npm, which passes no signals on.
CMD ["node", "src/main.ts", "serve"]
