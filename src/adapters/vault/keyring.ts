import { createSecretKey, randomBytes, type KeyObject } from 'node:crypto'
import { open, readFile, rename, stat } from 'node:fs/promises'
import { dirname } from 'node:path'
import { z } from 'zod'
import { Secret } from '../../commands/ports/credentials.ts'

/** The keys cannot be used; the message says what to do and never shows one. */
export class KeyringError extends Error {
  override readonly name = 'KeyringError'
}

/** The service's own keys. What is printed, serialised or inspected of it are the names of keys alone. */
export type Keyring = {
  /** The key that wraps what is new: the last one. */
  readonly currentId: string
  readonly ids: readonly string[]
  /** @returns null where the ring does not have it */
  readonly encryptionKey: (id: string) => KeyObject | null
  /** The keys of tracking tokens, 32 bytes each, by number; the last one seals. */
  readonly trackingKeys: () => { readonly id: number; readonly key: Uint8Array }[]
  /** The text that `parseKeyring` reads. */
  readonly text: () => Secret
}

const key = z.base64url().refine((text) => Buffer.from(text, 'base64url').length === 32)
const named = <Item extends z.ZodType<{ id: string | number }>>(item: Item) =>
  z
    .array(item)
    .min(1)
    .refine((items) => new Set(items.map(({ id }) => id)).size === items.length)
const file = z.object({
  encryptionKeys: named(z.object({ id: z.string().regex(/^[\w-]{1,64}$/), key })),
  trackingKeys: named(z.object({ id: z.int().min(0).max(255), key })),
})
type Content = z.infer<typeof file>

const newKey = (): string => randomBytes(32).toString('base64url')
const newEncryptionKey = () => ({ id: `key-${randomBytes(6).toString('hex')}`, key: newKey() })

/** A ring with new keys. */
export const createKeyring = (): Keyring =>
  keyringOf({ encryptionKeys: [newEncryptionKey()], trackingKeys: [{ id: 0, key: newKey() }] })

/** The same ring with a new key-encryption key, which is the current one from now on. `rewrap` then moves the rows. */
export const withNewEncryptionKey = (keyring: Keyring): Keyring => {
  const content = contentOf(keyring.text())
  return keyringOf({ ...content, encryptionKeys: [...content.encryptionKeys, newEncryptionKey()] })
}

/** The ring without the older key-encryption keys: for when `rewrap` is through, and no backup needs them any more. */
export const withoutOldEncryptionKeys = (keyring: Keyring): Keyring => {
  const content = contentOf(keyring.text())
  return keyringOf({ ...content, encryptionKeys: content.encryptionKeys.slice(-1) })
}

/** @throws KeyringError where the text is not a keyring */
export const parseKeyring = (text: Secret, from: string): Keyring => {
  try {
    return keyringOf(contentOf(text))
  } catch (error) {
    // Neither the parser's message nor its cause goes on: both quote what they read.
    const reason = error instanceof z.ZodError ? error.issues[0]?.path.join('.') : undefined
    throw new KeyringError(
      `${from} is not a keyring${reason ? ` (at ${reason})` : ''}. Put the copy back that was kept of it; without it the stored passwords cannot be read`,
    )
  }
}

/**
 * The keyring of an environment value, where there is one, else of a file that only its owner may read.
 * @returns null where there is neither
 * @throws KeyringError
 */
export const loadKeyring = async (from: {
  readonly value: Secret | null
  readonly file: string
}): Promise<Keyring | null> => {
  if (from.value) return parseKeyring(from.value, 'The keyring in the environment')
  const found = await stat(from.file).catch(unlessMissing)
  if (found === null) return null
  if (process.platform !== 'win32' && (found.mode & 0o077) !== 0)
    throw new KeyringError(
      `${from.file} can be read by others. Take that from them: chmod 600 "${from.file}"`,
    )
  return parseKeyring(new Secret(await readFile(from.file, 'utf8')), from.file)
}

/**
 * Writes the keyring for its owner alone: all of it or nothing, and on the disk when this is fulfilled.
 * @throws KeyringError where there is one already, unless it is to be replaced
 */
export const saveKeyring = async (
  to: string,
  keyring: Keyring,
  { replace = false }: { readonly replace?: boolean } = {},
): Promise<void> => {
  if (!replace && (await stat(to).catch(unlessMissing)))
    throw new KeyringError(`${to} is there already and was left as it is`)
  const written = `${to}.${randomBytes(4).toString('hex')}`
  await using handle = await open(written, 'wx', 0o600)
  await handle.writeFile(keyring.text().reveal())
  await handle.sync()
  await rename(written, to)
  if (process.platform === 'win32') return
  await using folder = await open(dirname(to))
  await folder.sync()
}

const contentOf = (text: Secret): Content => file.parse(JSON.parse(text.reveal()))

const keyringOf = ({ encryptionKeys, trackingKeys }: Content): Keyring => {
  const keys = new Map(
    encryptionKeys.map((item) => [item.id, createSecretKey(Buffer.from(item.key, 'base64url'))]),
  )
  return {
    currentId: encryptionKeys.at(-1)!.id,
    ids: [...keys.keys()],
    encryptionKey: (id) => keys.get(id) ?? null,
    trackingKeys: () =>
      trackingKeys.map((item) => ({ id: item.id, key: Buffer.from(item.key, 'base64url') })),
    text: () => new Secret(`${JSON.stringify({ encryptionKeys, trackingKeys }, null, 2)}\n`),
  }
}

const unlessMissing = (error: unknown): null => {
  if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return null
  throw error
}
