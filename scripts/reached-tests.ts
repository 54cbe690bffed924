import { execFileSync } from 'node:child_process'
import fs from 'node:fs'
import path from 'node:path'
import { importsIn, tokensOf, type Token } from '../test/support/typescript-source.ts'

/** A change to one of these can affect every test, as can one to whatever `scripts/check.ts` itself runs. */
const EVERYTHING = ['package.json', 'package-lock.json', '.npmrc']
const RUNNER = 'scripts/check.ts'

/**
 * Finds the test files that a change can reach: those that load a changed file, name it or a folder above it, or reach
 * such a file in several steps. Type imports run nothing and do not count. A text that only looks like a path costs at
 * most an unnecessary test.
 */
export const testReach = (root: string): ((changed: readonly string[]) => string[]) => {
  const files = filesOf(root)
  const tests = files.filter((file) => /^test\/.*\.test\.ts$/.test(file))
  const links = linkReader(root, files)
  const reachOf = new Map(tests.map((test) => [test, closure(test, links)]))
  // The runner names the folder of all tests, but does not depend on them.
  const runner = closure(RUNNER, (place) => new Set([...links(place)].filter((next) => files.includes(next))))
  return (changed) => {
    if (changed.some((file) => EVERYTHING.includes(file) || runner.has(file))) return tests
    const places = new Set(changed.flatMap((file) => [file, ...foldersAbove(file)]))
    return tests.filter((test) => !reachOf.get(test)!.isDisjointFrom(places))
  }
}

/** As git sees them: without installed or generated files. */
const filesOf = (root: string): string[] =>
  execFileSync('git', ['ls-files', '--cached', '--others', '--exclude-standard', '-z'], {
    cwd: root,
    encoding: 'utf8',
  })
    .split('\0')
    .filter((file) => file !== '' && fs.existsSync(path.join(root, file)))
    .toSorted()

const foldersAbove = (file: string): string[] => {
  const parts = file.split('/').slice(0, -1)
  return parts.map((_part, index) => parts.slice(0, index + 1).join('/')).toReversed()
}

type Links = (place: string) => ReadonlySet<string>

const closure = (from: string, links: Links): ReadonlySet<string> => {
  const reached = new Set([from])
  // Items added to a set during iteration are visited too.
  for (const place of reached) for (const next of links(place)) reached.add(next)
  return reached
}

/** What a file leads to: files and folders. A folder leads to everything in it. */
const linkReader = (root: string, files: readonly string[]): Links => {
  const places = new Map<string, string[]>(files.map((file) => [file, []]))
  for (const file of files)
    for (const folder of foldersAbove(file)) places.set(folder, [...(places.get(folder) ?? []), file])
  const known = new Map<string, ReadonlySet<string>>()
  const read = (place: string): ReadonlySet<string> => {
    if (!/\.m?ts$|\.mjs$/.test(place)) return new Set(places.get(place))
    const source = fs.readFileSync(path.join(root, place), 'utf8')
    // Tests of the project itself, directly in `test`, use folder names as words.
    const mayBeWord = path.dirname(place) === 'test'
    const named = pathsIn(source).filter((text) => mayBeWord || /[^.]\.\w+$|\//.test(text))
    return new Set(named.flatMap((text) => placesOf(place, text, places)))
  }
  return (place) => {
    const links = known.get(place) ?? read(place)
    known.set(place, links)
    return links
  }
}

/** What a file refers to, seen from its folder or those above it. Never a folder that contains the file. */
const placesOf = (file: string, named: string, places: ReadonlyMap<string, unknown>): string[] => {
  const folders = foldersAbove(file)
  const found = [...folders, '']
    .map((folder) => path.posix.join(folder, named).replace(/\/$/, ''))
    .filter((place) => places.has(place) && !folders.includes(place))
  return named.startsWith('.') ? found.slice(0, 1) : found
}

/** Everything in a source that may be a path: imports that run, and strings, also if joined by `path.join`. */
const pathsIn = (source: string): string[] => {
  const tokens = tokensOf(source)
  const imported = importsIn(tokens).filter(({ isType }) => !isType)
  return [
    ...imported.flatMap(({ specifier }) => specifier ?? []),
    ...tokens.flatMap((token, index) => (isSpecifier(tokens, index) ? [] : texts(token, tokens, index))),
  ]
}

const isSpecifier = (tokens: readonly Token[], index: number): boolean => {
  const before = tokens[index - 1]
  return before?.kind === 'name' && (before.text === 'from' || before.text === 'import')
}

const texts = (token: Token, tokens: readonly Token[], index: number): string[] => {
  if (token.kind === 'value' && tokens[index + 1]?.text === '${')
    return [token.text.slice(0, token.text.lastIndexOf('/') + 1)]
  if (token.kind !== 'text' || token.text.startsWith('/')) return []
  const parts = [token.text]
  for (let at = index + 1; tokens[at]?.text === ',' && tokens[at + 1]?.kind === 'text'; at += 2)
    parts.push(tokens[at + 1]?.text ?? '')
  // For a pattern, the folder that it searches.
  return [token.text.replace(/[^/]*\*.*$/, ''), parts.join('/')]
}
