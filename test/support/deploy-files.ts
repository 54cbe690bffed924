import fs from 'node:fs'
import path from 'node:path'
import { parse } from 'yaml'
import { ConfigError, readConfig, settingNames } from '../../src/config.ts'

const root = path.dirname(path.dirname(import.meta.dirname))
const isThere = (file: string): boolean => fs.existsSync(path.join(root, file))

// ---------------------------------------------------------------- Dockerfile

export type Instruction = { readonly word: string; readonly rest: string; readonly flags: readonly string[] }

const words =
  /^(ADD|ARG|CMD|COPY|ENTRYPOINT|ENV|EXPOSE|FROM|HEALTHCHECK|LABEL|RUN|SHELL|STOPSIGNAL|USER|VOLUME|WORKDIR)$/

/** The instructions of a Dockerfile, continued lines joined and comments left out. */
export const instructionsOf = (text: string): Instruction[] =>
  text
    .replaceAll(/^\s*#.*\n/gm, '')
    .replaceAll(/\\\n/g, ' ')
    .split('\n')
    .filter((line) => line.trim() !== '')
    .map((line) => {
      const [, word = line, all = ''] = /^(\S+)\s+(.*)$/.exec(line.trim()) ?? []
      const flags = /^(?:--\S+\s+)*/.exec(all)?.[0] ?? ''
      return { word, rest: all.slice(flags.length).trim(), flags: flags.split(/\s+/).filter(Boolean) }
    })

/** `A=b C=d` as pairs. */
const pairsOf = (rest: string): [string, string][] =>
  rest.split(/\s+/).map((pair) => pair.split(/=(.*)/s, 2) as [string, string])

/** The program and its arguments, of an instruction in the form of a JSON array. */
export const commandOf = (rest: string): string[] => JSON.parse(rest.replace(/^CMD\s+/, '')) as string[]

/** The stage that the image is made of. */
const lastStage = (instructions: readonly Instruction[]): readonly Instruction[] =>
  instructions.slice(instructions.findLastIndex((one) => one.word === 'FROM'))

/** What a Dockerfile's last stage says of `word`, the last time. */
export const lastOf = (instructions: readonly Instruction[], word: string): string =>
  lastStage(instructions).findLast((one) => one.word === word)?.rest ?? ''

export const environmentOf = (instructions: readonly Instruction[]): Record<string, string> =>
  Object.fromEntries(instructions.filter(({ word }) => word === 'ENV').flatMap(({ rest }) => pairsOf(rest)))

type Copy = { readonly from: readonly string[]; readonly to: string }

/** What the image gets from the context, and where it is put. */
export const copiesIntoImage = (instructions: readonly Instruction[]): Copy[] =>
  copiesOf(lastStage(instructions))

const copiesOf = (instructions: readonly Instruction[]): Copy[] =>
  instructions
    .filter(({ word, flags }) => word === 'COPY' && !flags.some((flag) => flag.startsWith('--from')))
    .map(({ rest }) => {
      const names = rest.split(/\s+/)
      return { from: names.slice(0, -1), to: names.at(-1)! }
    })

const isPinned = (image: string): boolean => /:\d+\.\d+(\.\d+)?([-.]\w+)*$/.test(image)
const isSecret = (name: string): boolean => /PASSWORD|SECRET|TOKEN|KEYS?$/.test(name)

/** What is wrong with a Dockerfile; `isIgnored` is what its .dockerignore keeps out. */
export const faultsOfDockerfile = (text: string, isIgnored: (file: string) => boolean): string[] => {
  const instructions = instructionsOf(text)
  const stages = instructions.flatMap(({ word, rest }) =>
    word === 'FROM' ? [/^(\S+)(?:\s+AS\s+(\S+))?$/.exec(rest)?.slice(1) ?? [rest]] : [],
  )
  const names = stages.flatMap(([, name]) => name ?? [])
  const environment = environmentOf(instructions)
  const [program, script, verb] = commandOf(lastOf(instructions, 'CMD') || '[]')
  const copied = copiesOf(instructions).flatMap(({ from }) => from)
  const inImage = copiesIntoImage(instructions).flatMap(({ from }) => from)
  const isCopied = (file: string): boolean =>
    inImage.some((one) => file === one || file.startsWith(`${one}/`))
  const faults: [boolean, string][] = [
    ...instructions.map(({ word }): [boolean, string] => [!words.test(word), `${word} is no instruction`]),
    [instructions[0]?.word !== 'FROM', 'it does not begin with FROM'],
    ...stages.map(([image = '']): [boolean, string] => [
      !names.includes(image) && !isPinned(image),
      `${image} is not pinned`,
    ]),
    ...instructions
      .flatMap(({ flags }) => flags.flatMap((flag) => /^--from=(.*)/.exec(flag)?.[1] ?? []))
      .map((name): [boolean, string] => [!names.includes(name), `there is no stage ${name}`]),
    ...copied.map((file): [boolean, string] => [!isThere(file), `there is no ${file} to copy`]),
    ...copied.map((file): [boolean, string] => [isIgnored(file), `${file} is kept out of the context`]),
    ...Object.keys(environment).map((name): [boolean, string] => [
      name !== 'NODE_ENV' && !settingNames.includes(name),
      `${name} is no setting`,
    ]),
    ...instructions
      .filter(({ word }) => word === 'ENV' || word === 'ARG')
      .flatMap(({ rest }) => pairsOf(rest))
      .map(([name]): [boolean, string] => [isSecret(name), `${name} bakes a secret in`]),
    [lastOf(instructions, 'USER') !== 'node', 'it does not run as the ordinary user of the image'],
    [
      lastOf(instructions, 'EXPOSE') !== environment['MAILTRAIL_PORT'],
      'the port is not the one it listens on',
    ],
    [lastOf(instructions, 'VOLUME') !== environment['MAILTRAIL_DATA'], 'the data lies in no volume'],
    [program !== 'node' || verb !== 'serve', 'it does not serve'],
    [!isThere(script ?? '') || !isCopied(script ?? ''), `${script} is not in the image`],
    [!lastOf(instructions, 'HEALTHCHECK').startsWith('CMD ["node"'), 'node does not check its health'],
  ]
  return [...faults.filter(([is]) => is).map(([, what]) => what), ...faultsOfSettings(environment)]
}

/** Whether a .dockerignore keeps a file out, by the rules used in ours: names and `!` names, the last one that fits. */
export const ignoredBy =
  (text: string) =>
  (file: string): boolean =>
    text
      .split('\n')
      .filter((line) => line.trim() !== '' && !line.startsWith('#'))
      .reduce((ignored, line) => {
        const name = line.replace(/^!/, '')
        return name === '*' || file === name || file.startsWith(`${name}/`) ? !line.startsWith('!') : ignored
      }, false)

const faultsOfSettings = (environment: Record<string, string>): string[] => {
  try {
    readConfig(environment)
    return []
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    return [error.message]
  }
}

// ---------------------------------------------------------------- compose.yaml

type Service = {
  readonly image?: string
  readonly build?: string
  readonly environment?: Record<string, string>
  readonly ports?: readonly string[]
  readonly volumes?: readonly string[]
  readonly healthcheck?: { readonly test: readonly string[] }
  readonly restart?: string
  readonly stop_grace_period?: string
  readonly depends_on?: Record<string, { readonly condition: string }>
}
export type Compose = {
  readonly services: Record<string, Service>
  readonly volumes: Record<string, unknown>
}

/** With what is set as the reader of the file is told to: one password, and nothing else. */
const interpolated = (text: string): string =>
  text.replaceAll(/\$\{(\w+)(?::([?-])([^}]*))?\}/g, (_, name: string, kind: string, word: string) =>
    kind === '-' ? word : `Set${name.length}`,
  )

export const composeOf = (text: string): Compose => parse(interpolated(text), { merge: true }) as Compose

/** What is wrong with a compose file that builds this Dockerfile. */
export const faultsOfCompose = (text: string, dockerfile: string): string[] => {
  const { services, volumes } = composeOf(text)
  const image = instructionsOf(dockerfile)
  const { version } = JSON.parse(fs.readFileSync(path.join(root, 'package.json'), 'utf8')) as {
    version: string
  }
  const own = Object.entries(services).filter(([, { build }]) => build !== undefined)
  const built = (service: Service): boolean => service.build !== undefined
  const faults: [boolean, string][] = Object.entries(services).flatMap(
    ([name, service]): [boolean, string][] => [
      [!isPinned(service.image ?? ''), `${name}: ${service.image} is not pinned`],
      [built(service) && !isThere(`${service.build}/Dockerfile`), `${name}: there is no Dockerfile`],
      [built(service) && service.image !== `mailtrail:${version}`, `${name}: the version is ${version}`],
      [service.restart !== 'unless-stopped', `${name} does not start again`],
      [!built(service) && service.healthcheck === undefined, `${name} has no health check`],
      [!built(service) && service.ports !== undefined, `${name} can be reached from outside`],
      ...Object.entries(service.depends_on ?? {}).map(([other, { condition }]): [boolean, string] => [
        services[other] === undefined || condition !== 'service_healthy',
        `${name} does not wait for ${other}`,
      ]),
      ...(service.volumes ?? []).map((volume): [boolean, string] => [
        !Object.hasOwn(volumes, volume.split(':')[0]!),
        `${name}: there is no volume ${volume}`,
      ]),
    ],
  )
  faults.push(
    [own.map(([, { environment }]) => environment?.['MAILTRAIL_ROLE']).join() !== 'api,worker', 'the roles'],
    ...own.flatMap(([name, service]) => faultsOfOwn(name, service, image, Object.keys(services))),
  )
  return [
    ...faults.filter(([is]) => is).map(([, what]) => what),
    ...own.flatMap(([, { environment = {} }]) =>
      faultsOfSettings({ ...environmentOf(image), ...environment }),
    ),
  ]
}

const faultsOfOwn = (
  name: string,
  { environment = {}, ...service }: Service,
  image: readonly Instruction[],
  services: readonly string[],
): [boolean, string][] => [
  ...Object.keys(environment).map((key): [boolean, string] => [
    !settingNames.includes(key),
    `${name}: ${key} is no setting`,
  ]),
  ...['DATABASE_URL', 'EVENT_STORE_URL'].map((key): [boolean, string] => {
    const host = /@?([\w-]+)(?::\d+)?(?:\/\w+)?(?:\?.*)?$/.exec(environment[key] ?? '')?.[1] ?? ''
    return [
      !services.includes(host) || service.depends_on?.[host] === undefined,
      `${name}: ${key} leads to no service that it waits for`,
    ]
  }),
  ...(service.ports ?? []).map((port): [boolean, string] => [
    port.split(':').at(-1) !== lastOf(image, 'EXPOSE'),
    `${name}: nothing listens on ${port}`,
  ]),
  [
    !service.volumes?.some((volume) => volume.endsWith(`:${lastOf(image, 'VOLUME')}`)),
    `${name}: the data lies in no volume`,
  ],
  [!(parseInt(service.stop_grace_period ?? '0', 10) > 20), `${name} is killed before it has ended`],
]
