import { execFileSync } from 'node:child_process'
import fs from 'node:fs'

/** Whether a process with this id exists, whoever owns it. */
export const isAlive = (pid: number): boolean => {
  try {
    return process.kill(pid, 0)
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EPERM'
  }
}

/** The command line of a process; empty if there is no such process. */
export const commandLineOf = (pid: number): string => {
  try {
    if (process.platform !== 'linux') return ps(pid, 'command')
    return fs.readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ')
  } catch {
    return ''
  }
}

/** The working directory of a process; undefined if that cannot be determined. */
export const folderOf = (pid: number): string | undefined => {
  try {
    return fs.readlinkSync(`/proc/${pid}/cwd`)
  } catch {
    return undefined
  }
}

/** Any process with this working directory; undefined if there is none or that cannot be determined. */
export const processIn = (folder: string): number | undefined => {
  if (process.platform !== 'linux') return undefined
  return fs
    .readdirSync('/proc')
    .map(Number)
    .find((pid) => pid > 0 && folderOf(pid) === folder)
}

/** A name unique on this machine, even though process ids are reused. */
export const identityOf = (pid: number): string | undefined => {
  try {
    if (process.platform !== 'linux') return `${pid}-${ps(pid, 'lstart').trim().replace(/\W+/g, '-')}`
    const afterName = fs.readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ').at(-1) ?? ''
    return `${pid}-${afterName.split(' ')[19]}`
  } catch {
    return undefined
  }
}

const ps = (pid: number, column: string): string => {
  return execFileSync('ps', ['-ww', '-o', `${column}=`, '-p', String(pid)], { encoding: 'utf8' })
}
