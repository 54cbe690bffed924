import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import t, { type Test } from 'tap'
import { freePort } from '../scripts/lib/free-port.ts'
import {
  commandOf,
  composeOf,
  copiesIntoImage,
  environmentOf,
  faultsOfCompose,
  faultsOfDockerfile,
  ignoredBy,
  instructionsOf,
  lastOf,
} from './support/deploy-files.ts'
import { testDatabase } from './support/test-database.ts'

const root = path.dirname(import.meta.dirname)
const read = (file: string): string => fs.readFileSync(path.join(root, file), 'utf8')
const dockerfile = read('Dockerfile')
const compose = read('compose.yaml')
const isIgnored = ignoredBy(read('.dockerignore'))

t.test('every name in the deploy files stands for something that is there', async (t) => {
  t.strictSame(faultsOfDockerfile(dockerfile, isIgnored), [])
  t.strictSame(faultsOfCompose(compose, dockerfile), [])
})

t.test('nothing private gets into an image', async (t) => {
  for (const file of [
    '.env',
    '.git/HEAD',
    'data/keys.json',
    'keys.json',
    'node_modules/pg/package.json',
    'test/x.ts',
  ])
    t.ok(isIgnored(file), file)
  const said = compose.replaceAll(/#.*|\$\{[^}]*\}/g, '')
  t.match(said, /_PASSWORD: *\n/)
  t.notMatch(said, /_PASSWORD: *[^\s]|:\/\/\w+:\w+@/, 'passwords come from outside')
})

t.test('a mistake in a deploy file is found', async (t) => {
  const inDockerfile: [from: string | RegExp, to: string, says: RegExp][] = [
    ['WORKDIR', 'WORKDIRS', /WORKDIRS is no instruction/],
    [/node:\S+-slim(?= AS)/, 'node:26', /node:26 is not pinned/],
    ['--from=packages', '--from=package', /no stage package/],
    ['COPY src src', 'COPY source src', /no source to copy/],
    ['COPY src src', 'COPY src src\nCOPY test test', /test is kept out/],
    ['COPY src src', '', /src\/main.ts is not in the image/],
    ['MAILTRAIL_HOST', 'MAILTRAIL_HOSTS', /MAILTRAIL_HOSTS is no setting/],
    ['NODE_ENV=production', 'NODE_ENV=production MAILTRAIL_KEYS=x', /MAILTRAIL_KEYS bakes a secret in/],
    ['MAILTRAIL_PORT=3000', 'MAILTRAIL_PORT=port', /MAILTRAIL_PORT/],
    ['USER node\n', '', /ordinary user/],
    ['EXPOSE 3000', 'EXPOSE 80', /port/],
    ['VOLUME /var/lib/mailtrail', 'VOLUME /data', /no volume/],
    ['"src/main.ts"', '"src/man.ts"', /src\/man.ts is not in the image/],
    [/HEALTHCHECK[^]*?\n {2}/, 'HEALTHCHECK NONE #', /health/],
  ]
  for (const [from, to, says] of inDockerfile) {
    const planted = dockerfile.replace(from, to)
    t.not(planted, dockerfile, to)
    t.match(faultsOfDockerfile(planted, isIgnored).join('\n'), says)
  }
  const inCompose: [from: string | RegExp, to: string, says: RegExp][] = [
    ['postgres:18.6-trixie', 'postgres', /postgres is not pinned/],
    ['24.10.4-jammy', 'latest', /latest is not pinned/],
    ['mailtrail:0.1.0', 'mailtrail:0.0.9', /the version is/],
    ['build: .', 'build: ./deploy', /no Dockerfile/],
    ['EVENT_STORE_URL', 'EVENTSTORE_URL', /EVENTSTORE_URL is no setting/],
    ['@postgres/', '@database/', /api: DATABASE_URL leads to no service/],
    ['esdb://eventstore', 'esdb://events', /EVENT_STORE_URL leads to no service/],
    ['esdb://', 'https://', /EVENT_STORE_URL: must begin with esdb/],
    ['MAILTRAIL_ROLE: worker', 'MAILTRAIL_ROLE: works', /the roles[^]*MAILTRAIL_ROLE/],
    [':3000:3000', ':3000:8080', /nothing listens/],
    ['data:/var/lib/mailtrail', 'data:/data', /no volume/],
    ['data:/var/lib/mailtrail', 'files:/var/lib/mailtrail', /no volume files/],
    ['stop_grace_period: 25s', 'stop_grace_period: 10s', /killed before/],
    ['restart: unless-stopped', 'restart: never', /does not start again/],
    [
      /api: \{ condition: service_healthy \}/,
      'apis: { condition: service_healthy }',
      /does not wait for apis/,
    ],
    ['service_healthy', 'service_started', /does not wait for postgres/],
    [/ {4}healthcheck:[^]*?retries: 12\n/, '', /postgres has no health check/],
    [
      'restart: unless-stopped\n    environment:',
      'restart: unless-stopped\n    ports: ["5432:5432"]\n    environment:',
      /from outside/,
    ],
  ]
  for (const [from, to, says] of inCompose) {
    const planted = compose.replace(from, to)
    t.not(planted, compose, to)
    t.match(faultsOfCompose(planted, dockerfile).join('\n'), says)
  }
})

const hasCompose = spawnSync('docker', ['compose', 'version']).status === 0

t.test(
  'docker itself takes the compose file',
  { skip: !hasCompose && 'docker compose is not here' },
  async (t) => {
    const env = { PATH: process.env['PATH'], POSTGRES_PASSWORD: 'set' }
    const { status, stderr } = spawnSync('docker', ['compose', 'config', '--quiet'], { cwd: root, env })
    t.equal(status, 0, String(stderr))
  },
)

/** What the image holds: the files that are copied into it, and the packages that `npm ci` leaves in. */
const filesOfImage = (folder: string): void => {
  for (const { from, to } of copiesIntoImage(instructionsOf(dockerfile)))
    for (const file of from)
      fs.cpSync(path.join(root, file), path.join(folder, to, to.endsWith('/') ? file : ''), {
        recursive: true,
      })
  const lock = JSON.parse(read('package-lock.json')) as {
    packages: Record<string, { dev?: boolean; optional?: boolean; devOptional?: boolean }>
  }
  for (const [place, of] of Object.entries(lock.packages)) {
    if (!/^node_modules\/(?:@[^/]+\/)?[^/]+$/.test(place) || of.dev || of.optional || of.devOptional) continue
    fs.mkdirSync(path.dirname(path.join(folder, place)), { recursive: true })
    fs.symlinkSync(path.join(root, place), path.join(folder, place))
  }
}

/** Resolves imports in the image's folder alone, though packages are only linked there. */
const inImage = (folder: string, command: string[], env: Record<string, string | undefined>) =>
  spawn(process.execPath, ['--preserve-symlinks', ...command.slice(1)], {
    cwd: folder,
    env: { PATH: process.env['PATH'], ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })

const urlOf = async (t: Test): Promise<string> => {
  const { host, port = 5432, user, password, database } = (await testDatabase(t)) as Record<string, string>
  const login = `${user}${password ? `:${password}` : ''}`
  return `postgres://${login}@localhost:${port}/${database}?host=${encodeURIComponent(host ?? '')}`
}

t.test('what is in the image starts in both roles with what compose sets, and is healthy', async (t) => {
  const instructions = instructionsOf(dockerfile)
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'mailtrail-image-'))
  t.teardown(() => fs.rmSync(folder, { recursive: true, force: true }))
  filesOfImage(folder)
  const database = await urlOf(t)
  const { services } = composeOf(compose)
  for (const name of ['api', 'worker']) {
    const env = {
      ...environmentOf(instructions),
      ...services[name]!.environment,
      DATABASE_URL: database,
      // The log in the database: there is no EventStoreDB here.
      EVENT_STORE_URL: undefined,
      MAILTRAIL_DATA: path.join(folder, 'data'),
      MAILTRAIL_HOST: '127.0.0.1',
      MAILTRAIL_PORT: String(await freePort()),
    }
    const service = inImage(folder, commandOf(lastOf(instructions, 'CMD')), env)
    t.teardown(() => service.kill('SIGKILL'))
    let said = ''
    const ready = new Promise<void>((resolve) => {
      for (const stream of [service.stdout, service.stderr])
        stream.on('data', (data) => {
          said += String(data)
          if (said.includes('Mailtrail is ready')) resolve()
        })
    })
    const ended = once(service, 'close')
    await Promise.race([ready, ended])
    t.match(said, /Mailtrail is ready/, name)
    const check = inImage(folder, commandOf(lastOf(instructions, 'HEALTHCHECK')), env)
    t.strictSame(await once(check, 'close'), [0, null], `${name} is healthy`)
    service.kill('SIGTERM')
    t.strictSame(await ended, [0, null], `${name} ends by itself`)
    const after = inImage(folder, commandOf(lastOf(instructions, 'HEALTHCHECK')), env)
    t.strictSame(await once(after, 'close'), [1, null], `${name} is healthy no more`)
  }
})
