import fs from 'node:fs'
import path from 'node:path'
import { importsOf, tokensOf } from './typescript-source.ts'

const root = path.join(import.meta.dirname, '../..')

export const read = (file: string): string => fs.readFileSync(path.join(root, file), 'utf8')

export const filesUnder = (...folders: string[]): string[] =>
  folders.flatMap((folder) => fs.globSync(`${folder}/**/*.{ts,mts,js,mjs,cjs,tsx}`, { cwd: root })).toSorted()

/** What the product is cut into, named alike in every layer. Adapters are cut by the systems that they speak to. */
const features =
  'accounts sync sending search templates tracking analytics audit directory access operations linking timeline webhooks feed conversations assignment notifications'.split(
    ' ',
  )
/** The folders of each layer; null where any name may be one. */
const folders: Readonly<Record<string, readonly string[] | null>> = {
  domain: features,
  commands: [...features, 'ports'],
  projections: features,
  adapters: null,
  http: [...features, 'server'],
  std: [],
}
/** Layers with files of their own beside their folders. */
const hasShared = ['domain', 'commands', 'projections', 'std']
/** What sees every layer, and is seen by none: the process, its settings, and the parts of `app.ts`. */
const everything = /^src\/(?:(?:app|main|config)\.ts|app\/[^/]+\.ts)$/

/** The rooms of the Postgres adapter, and which others each one knows. '' are the files beside them. */
const rooms: Readonly<Record<string, readonly string[]>> = {
  '': [],
  'event-log': [''],
  'projections/fold': [''],
  'projections/state': ['', 'projections/fold'],
  'projections/run': ['', 'projections/fold', 'projections/state'],
  'projections/rebuild': ['', 'projections/fold', 'projections/state'],
}

/** `src/commands/sending/x.ts` lies in layer commands, folder sending; `src/commands/handle.ts` in folder ''. */
type Place = { layer: string; folder: string; file: string }

const placeOf = (file: string): Place | undefined => {
  const [src, layer = '', folder = '', ...rest] = file.split('/')
  if (src !== 'src' || folders[layer] === undefined || folder === '') return undefined
  return { layer, folder: rest.length > 0 ? folder : '', file }
}

/** Where in the Postgres adapter a file lies; undefined elsewhere. */
const roomOf = (file: string): string | undefined => {
  const within = file.split('src/adapters/postgres/')[1]
  return within?.split('/').slice(0, -1).join('/')
}

const isMisplaced = ({ layer, folder, file }: Place): boolean => {
  const room = roomOf(file)
  if (room !== undefined && rooms[room] === undefined) return true
  return folder === '' ? !hasShared.includes(layer) : !(folders[layer]?.includes(folder) ?? true)
}

/** The files with the rules of a kind of stream. */
const deciders = new Set(
  filesUnder('src/domain').filter(
    (file) =>
      file !== 'src/domain/decider.ts' &&
      tokensOf(read(file)).some(({ kind, text }) => kind === 'name' && text === 'Decider'),
  ),
)
const isDecider = ({ file }: Place): boolean => deciders.has(file)

const isOwn = (from: Place, to: Place): boolean => to.layer === from.layer && to.folder === from.folder
const isShared = (to: Place, layer: string): boolean => to.layer === layer && to.folder === ''
const isDomain = (to: Place): boolean => to.layer === 'domain' && !isDecider(to)
const isPort = (to: Place): boolean => to.layer === 'commands' && to.folder === 'ports'

/** A feature is entered by its doors alone, as `commands/templates/templates.ts`. */
const isDoor = ({ layer, folder, file }: Place): boolean =>
  ['commands', 'projections'].includes(layer) &&
  features.includes(folder) &&
  file === `src/${layer}/${folder}/${folder}.ts`

const knowsRoom = (from: Place, to: Place): boolean => {
  const [here, there] = [roomOf(from.file), roomOf(to.file)]
  if (here === there) return true
  return here !== undefined && there !== undefined && rooms[here]?.includes(there) === true
}

/** Which of our own files a file may import. */
const mayImportFile: Record<string, (from: Place, to: Place) => boolean> = {
  domain: (from, to) => isDomain(to) || (isDecider(to) && isOwn(from, to)),
  commands: (from, to) =>
    isDomain(to) ||
    (isDecider(to) && to.folder === from.folder) ||
    (isOwn(from, to) && from.folder !== '') ||
    isPort(to) ||
    (isShared(to, 'commands') && from.folder !== 'ports') ||
    to.layer === 'std',
  projections: (from, to) => isDomain(to) || isOwn(from, to) || to.file === 'src/projections/projection.ts',
  adapters: (from, to) =>
    isDomain(to) ||
    isPort(to) ||
    to.file === 'src/projections/projection.ts' ||
    to.layer === 'std' ||
    (to.layer === 'adapters' && to.folder === 'network') ||
    (['gmail', 'graph'].includes(from.folder) &&
      ['src/adapters/oauth/tokens.ts', 'src/adapters/oauth/sign-in.ts'].includes(to.file)) ||
    // Attachments are taken out of a mail that is too large for one request of Graph's.
    (from.folder === 'graph' &&
      /^src\/adapters\/mime\/(?:header-fields|parameters|transfer)\.ts$/.test(to.file)) ||
    (isOwn(from, to) && knowsRoom(from, to)),
  http: (from, to) =>
    isDomain(to) ||
    isDoor(to) ||
    ['src/commands/handle.ts', 'src/commands/outage.ts', 'src/commands/revisions.ts'].includes(to.file) ||
    isPort(to) ||
    to.layer === 'std' ||
    (to.layer === 'http' && to.folder === 'server') ||
    isOwn(from, to),
  std: (_from, to) => to.layer === 'std',
}

/** Which packages a file may import; undefined is one that is computed while the program runs. */
const mayImportPackage: Record<string, (name: string | undefined) => boolean> = {
  domain: (name) => name === 'zod',
  commands: (name) => name === 'node:crypto',
  projections: (name) => name === 'kysely',
  adapters: () => true,
  http: (name) =>
    name !== undefined &&
    /^(fastify|@fastify\/.+|fastify-type-provider-zod|zod|ipaddr\.js|node:crypto)$/.test(name),
  std: (name) => name?.startsWith('node:') ?? false,
}

/** Names that give the domain a clock, chance, a process, the network or a console. */
const impure =
  /^(process|console|globalThis|global|fetch|crypto|performance|setTimeout|setInterval|setImmediate|queueMicrotask|WebSocket|EventSource|navigator|localStorage|sessionStorage|eval|Function)$/

const impuritiesIn = (source: string): string[] => {
  const tokens = tokensOf(source)
  return tokens.flatMap(({ kind, text, line }, index) => {
    const next = tokens.slice(index + 1, index + 4).map((token) => token.text)
    const before = tokens[index - 1]?.text ?? ''
    const isMember = before === '.'
    const isKey = next[0] === ':' && ['{', ',', ';', '('].includes(before)
    if (kind !== 'name' || isMember || isKey) return []
    const reads = (owner: string, member: string): boolean =>
      text === owner && ((next[0] === '.' && next[1] === member) || (next[0] === '[' && next[1] === member))
    const isClock =
      text === 'Date' &&
      (reads('Date', 'now') || (before === 'new' ? next[0] !== '(' || next[1] === ')' : next[0] === '('))
    if (isClock || reads('Math', 'random') || reads('Temporal', 'Now') || impure.test(text))
      return [`${line} uses ${text}`]
    return []
  })
}

export const packageOf = (specifier: string | undefined): string | undefined => {
  if (specifier === undefined || specifier.startsWith('node:')) return specifier
  return specifier
    .split('/')
    .slice(0, specifier.startsWith('@') ? 2 : 1)
    .join('/')
}

export const violationsIn = (file: string, source: string): string[] => {
  const imports = importsOf(source)
  const place = placeOf(file)
  const found = imports.filter(({ isExport }) => isExport).map(({ line }) => `${file}:${line} re-exports`)
  if (everything.test(file)) return found
  if (place === undefined) return [`${file} lies in no layer`]
  if (isMisplaced(place)) return [`${file} lies in a folder that its layer does not have`]
  for (const { specifier, line } of imports) {
    const isFile = specifier?.startsWith('.') ?? false
    const target = isFile ? path.posix.join(path.posix.dirname(file), specifier ?? '') : packageOf(specifier)
    const to = isFile ? placeOf(target ?? '') : undefined
    const allowed = isFile
      ? to !== undefined && mayImportFile[place.layer]?.(place, to)
      : mayImportPackage[place.layer]?.(target)
    if (allowed !== true) found.push(`${file}:${line} imports ${target ?? 'what is computed'}`)
  }
  if (place.layer === 'domain') found.push(...impuritiesIn(source).map((what) => `${file}:${what}`))
  return found
}

export const namingViolationsIn = (file: string, source: string): string[] => {
  const name = path.posix.basename(file)
  const found: string[] = []
  if (!/^[a-z0-9]+(-[a-z0-9]+)*(\.test|\.d)?\.(ts|mjs)$/.test(name))
    found.push(`${file} is not named in kebab-case`)
  if (name.startsWith('index.')) found.push(`${file} is an index`)
  for (const { specifier = '', line } of importsOf(source)) {
    if (specifier.startsWith('.') && !/\.(ts|mjs|json)$/.test(specifier)) {
      found.push(`${file}:${line} imports ${specifier} without its ending`)
    }
  }
  return found
}
