import { execFileSync } from 'node:child_process'
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import t, { type Test } from 'tap'
import { changedFiles } from '../../scripts/changed-files.ts'

/** A repository whose branch `main` has one commit. */
const repository = (t: Test) => {
  const root = t.testdir({ 'kept.ts': '1', 'changed.ts': '1', 'deleted.ts': '1', '.gitignore': '*.log\n' })
  const git = (...args: string[]): void => {
    const author = [
      '-c',
      'user.name=Test',
      '-c',
      'user.email=test@example.test',
      '-c',
      'commit.gpgsign=false',
    ]
    execFileSync('git', [...author, ...args], { cwd: root, stdio: 'pipe' })
  }
  const write = (file: string): void => fs.writeFileSync(path.join(root, file), String(Math.random()))
  const commit = (file: string): void => {
    write(file)
    git('add', '--all')
    git('commit', '--quiet', '--message', file)
  }
  git('init', '--quiet', '--initial-branch', 'main')
  commit('first.ts')
  return { root, git, write, commit }
}

t.test('on main without a remote, what is not committed: changed, new, staged or deleted', async (t) => {
  const { root, git, write } = repository(t)
  t.same(changedFiles(root), { since: 'main', files: [] })
  for (const file of ['changed.ts', 'new.ts', 'staged.ts', 'made.log']) write(file)
  git('add', 'staged.ts')
  fs.rmSync(path.join(root, 'deleted.ts'))
  t.same(changedFiles(root).files, ['changed.ts', 'deleted.ts', 'new.ts', 'staged.ts'])
})

t.test(
  'on a branch without a remote, also what it has beyond main, and not what main has beyond it',
  async (t) => {
    const { root, git, write, commit } = repository(t)
    git('checkout', '--quiet', '-b', 'work')
    commit('mine.ts')
    git('checkout', '--quiet', 'main')
    commit('theirs.ts')
    git('checkout', '--quiet', 'work')
    git('mv', 'changed.ts', 'moved.ts')
    write('new.ts')
    t.same(changedFiles(root), { since: 'main', files: ['changed.ts', 'mine.ts', 'moved.ts', 'new.ts'] })
  },
)

t.test('with a remote, what is not pushed to its main; else to the upstream of the branch', async (t) => {
  const { root, git, commit } = repository(t)
  git('remote', 'add', 'origin', root)
  git('update-ref', 'refs/remotes/origin/topic', 'HEAD')
  git('checkout', '--quiet', '-b', 'topic')
  git('branch', '--quiet', '--set-upstream-to', 'origin/topic')
  commit('topic.ts')
  git('branch', '--quiet', '--force', 'main')
  t.same(changedFiles(root), { since: '@{upstream}', files: ['topic.ts'] })
  git('update-ref', 'refs/remotes/origin/main', 'HEAD')
  commit('later.ts')
  t.same(changedFiles(root), { since: 'origin/main', files: ['later.ts'] })
})

t.test('outside of a repository it says so', async (t) => {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'no-repository-'))
  t.teardown(() => fs.rmSync(folder, { recursive: true }))
  t.throws(() => changedFiles(folder), /not a git repository/)
})
