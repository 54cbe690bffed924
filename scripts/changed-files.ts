import { execFileSync } from 'node:child_process'

export type Change = {
  /** The base of the comparison: `origin/main`, the branch's upstream or `main`, whichever exists first. */
  readonly since: string
  /** Paths from the root: changed, new, renamed or deleted; committed or not. */
  readonly files: readonly string[]
}

/**
 * What a push from here would change, including uncommitted work.
 * @throws Error outside a git repository
 */
export const changedFiles = (root: string): Change => {
  const git = (...args: string[]): string =>
    execFileSync('git', args, { cwd: root, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] })
  const has = (ref: string): boolean => {
    try {
      git('rev-parse', '--verify', '--quiet', `${ref}^{commit}`)
      return true
    } catch {
      return false
    }
  }
  const since = ['origin/main', '@{upstream}', 'main'].find(has) ?? 'HEAD'
  const base = git('merge-base', 'HEAD', since).trim()
  const listed = [
    git('diff', '--name-only', '--no-renames', '-z', base),
    git('ls-files', '--others', '--exclude-standard', '-z'),
  ]
  const files = listed.flatMap((list) => list.split('\0')).filter((file) => file !== '')
  return { since, files: [...new Set(files)].toSorted() }
}
