import { randomBytes } from 'node:crypto'
import fs from 'node:fs'
import path from 'node:path'
import { inspect } from 'node:util'
import type { Pool } from 'pg'
import t, { type Test } from 'tap'
import { migrate } from '../../src/adapters/postgres/migrate.ts'
import { createPool } from '../../src/adapters/postgres/pool.ts'
import { newDataKey, unwrap, wrap } from '../../src/adapters/vault/data-key.ts'
import {
  createKeyring,
  KeyringError,
  loadKeyring,
  saveKeyring,
  withNewEncryptionKey,
  type Keyring,
} from '../../src/adapters/vault/keyring.ts'
import { openKeyring, retireKeys, rotateKeys } from '../../src/adapters/vault/rotation.ts'
import { postgresVault } from '../../src/adapters/vault/vault.ts'
import { Secret, type Credentials } from '../../src/commands/ports/credentials.ts'
import { testDatabase } from '../support/test-database.ts'

const both = (smtp: string | null, imap: string | null): Credentials => ({
  ...(smtp === null ? {} : { smtpPassword: new Secret(smtp) }),
  ...(imap === null ? {} : { imapPassword: new Secret(imap) }),
})
const revealed = (credentials: Credentials | null) =>
  credentials && [
    credentials['smtpPassword']?.reveal() ?? null,
    credentials['imapPassword']?.reveal() ?? null,
  ]

/** The spellings under which a secret could get out. */
const spellings = (secret: string): string[] => [
  secret,
  Buffer.from(secret).toString('base64').replaceAll('=', ''),
  Buffer.from(secret).toString('base64url'),
  Buffer.from(secret).toString('hex'),
  encodeURIComponent(secret),
  JSON.stringify(secret).slice(1, -1),
]

/** Everything that a log, an answer or a curious person could make of a value. */
const shown = (value: unknown): string => {
  const error = value instanceof Error ? `${value.message} ${value.stack} ${shown(value.cause)}` : ''
  const deep = inspect(value, { depth: 20, showHidden: true, getters: true })
  // oxlint-disable-next-line typescript/no-base-to-string -- what it says of itself is the question
  return `${error} ${deep} ${String(value)} ${JSON.stringify(value)}`
}

const thrownBy = async (work: () => Promise<unknown>): Promise<unknown> => {
  try {
    await work()
  } catch (error) {
    return error
  }
  throw new Error('Nothing was thrown')
}

/** All columns of all rows of the vault, bytes as hex. */
const rowsOf = async (pool: Pool): Promise<string> => {
  const { rows } = await pool.query<{ row: string }>(
    `select k::text as row from mailtrail.credential_keys k union all select c::text from mailtrail.credentials c`,
  )
  return rows.map(({ row }) => row).join('\n')
}

t.test('the vault', async (t) => {
  const fresh = async (t: { teardown(fn: () => unknown): void }) => {
    const pool = createPool({ ...(await testDatabase(t)), max: 8 })
    t.teardown(() => pool.end())
    await migrate(pool)
    return pool
  }

  /** As a process has it whose keyring comes from the environment. */
  const inEnvironment = (keyring: Keyring) => ({ value: keyring.text(), file: '/nowhere' })
  const freshVault = async (pool: Pool) =>
    postgresVault(pool, await openKeyring(pool, inEnvironment(createKeyring())))
  /** A keyring in a file, in use by the database, and the vault of a process that started with it. */
  const vaultWithFile = async (t: Test, pool: Pool) => {
    const from = { value: null, file: path.join(t.testdir(), 'keys.json') }
    return { from, vault: postgresVault(pool, await openKeyring(pool, from)) }
  }
  const never = new AbortController().signal

  await t.test('credentials are renewed in place, by one caller at a time', async (t) => {
    const vault = await freshVault(await fresh(t))
    const { version } = await vault.store('acc_1', both('old', null))
    const seen: string[] = []
    const renewed = await Promise.all(
      Array.from({ length: 5 }, () =>
        vault.renew('acc_1', version, async (stored) => {
          seen.push(stored['smtpPassword']!.reveal())
          return stored['smtpPassword']!.reveal() === 'old' ? both('new', null) : null
        }),
      ),
    )
    t.strictSame(seen, ['old', 'new', 'new', 'new', 'new'], 'each sees what the one before it left')
    t.strictSame(
      renewed.map(revealed),
      Array.from({ length: 5 }, () => ['new', null]),
    )
    t.strictSame(revealed(await vault.load('acc_1', version)), ['new', null])
    await t.rejects(
      vault.renew('acc_1', version, () => Promise.reject(new Error('no answer'))),
      { message: 'no answer' },
    )
    t.strictSame(revealed(await vault.load('acc_1', version)), ['new', null], 'a failure changes nothing')
    t.equal(await vault.renew('acc_2', 1, () => Promise.reject(new Error('asked for nothing'))), null)
  })

  t.test('gives back what was stored, by version, until it is destroyed', async (t) => {
    const pool = await fresh(t)
    const vault = await freshVault(pool)
    t.same(await vault.store('acc_1', both('smtp one', 'imap one')), { version: 1 })
    t.same(await vault.store('acc_1', both('pässwörd \u0000 😀', null)), { version: 2 })
    t.same(await vault.store('acc_2', both(null, '')), { version: 1 })
    t.same(revealed(await vault.load('acc_1', 1)), ['smtp one', 'imap one'], 'who lost a race goes on')
    t.same(revealed(await vault.load('acc_1', 2)), ['pässwörd \u0000 😀', null])
    t.same(revealed(await vault.load('acc_2', 1)), [null, ''])
    t.equal(await vault.load('acc_1', 3), null)
    t.equal(await vault.load('acc_3', 1), null)

    await vault.destroy('acc_1')
    await vault.destroy('acc_1')
    t.equal(await vault.load('acc_1', 2), null)
    t.same(revealed(await vault.load('acc_2', 1)), [null, ''], 'others stay')
    const { rows } = await pool.query<{ left: number }>(
      `select count(*) as left from mailtrail.credentials where account_id = 'acc_1'`,
    )
    t.equal(rows[0]!.left, 0)
    t.same(await vault.store('acc_1', both('again', null)), { version: 3 }, 'versions only grow')
    t.same(revealed(await vault.load('acc_1', 3)), ['again', null])
    t.equal(await vault.load('acc_1', 2), null)
  })

  t.test('many who store at once get versions of their own, and old ones go', async (t) => {
    const pool = await fresh(t)
    const vault = await freshVault(pool)
    const stored = await Promise.all(
      Array.from({ length: 12 }, async (_, nth) => ({
        nth,
        ...(await vault.store('acc_1', both(`${nth}`, null))),
      })),
    )
    t.same(
      stored.map(({ version }) => version).toSorted((a, b) => a - b),
      Array.from({ length: 12 }, (_, index) => index + 1),
    )
    for (const { nth, version } of stored)
      t.same(revealed(await vault.load('acc_1', version)), version > 8 ? [`${nth}`, null] : null)
  })

  t.test('what was changed, or put in the place of another, is refused and not opened', async (t) => {
    const pool = await fresh(t)
    const vault = await freshVault(pool)
    const canary = `canary-${randomBytes(8).toString('hex')}`
    const store = async () => {
      await pool.query('truncate mailtrail.credential_keys, mailtrail.credentials')
      await vault.store('acc_1', both(canary, 'imap'))
      await vault.store('acc_1', both('newer', canary))
      await vault.store('acc_2', both('other', 'other'))
    }
    const refused = async (what: string, sql: string, version = 2) => {
      await store()
      await pool.query(sql)
      const error = await thrownBy(() => vault.load('acc_1', version))
      t.match(
        error,
        { name: 'CredentialsUnreadable', message: /^The credentials of acc_1 cannot be opened/ },
        what,
      )
      t.notOk(spellings(canary).some((text) => shown(error).includes(text)))
    }
    const credentials = 'update mailtrail.credentials set'
    const own = `where account_id = 'acc_1' and version = 2`
    for (const byte of [0, 1, 12, 13, 28, 29, 33])
      await refused(
        `byte ${byte}`,
        `${credentials} sealed = set_byte(sealed, ${byte}, get_byte(sealed, ${byte}) # 1) ${own}`,
      )
    await refused('cut off', `${credentials} sealed = substr(sealed, 1, 20) ${own}`)
    await refused(
      'another version',
      `${credentials} sealed = (select sealed from mailtrail.credentials where account_id = 'acc_1' and version = 1) ${own}`,
    )
    await refused(
      'another account',
      `${credentials} sealed = (select sealed from mailtrail.credentials where account_id = 'acc_2') ${own}`,
    )
    const keys = 'update mailtrail.credential_keys set'
    await refused(
      'the key of another account',
      `${keys} wrapped_key = (select wrapped_key from mailtrail.credential_keys where account_id = 'acc_2') where account_id = 'acc_1'`,
    )
    await refused(
      'a changed key',
      `${keys} wrapped_key = set_byte(wrapped_key, 40, get_byte(wrapped_key, 40) # 1) where account_id = 'acc_1'`,
    )
    await refused('an unknown key', `${keys} key_id = 'key-unknown' where account_id = 'acc_1'`)
    await store()
    const stranger = postgresVault(pool, createKeyring())
    t.match(await thrownBy(() => stranger.load('acc_1', 2)), /has no key key-/)
    t.match(await thrownBy(() => stranger.store('acc_1', both('x', 'x'))), /has no key key-/)
    t.same(revealed(await vault.load('acc_1', 2)), ['newer', canary], 'and untouched it opens')
  })

  t.test('no secret shows in rows, in what things say of themselves, or in errors', async (t) => {
    const pool = await fresh(t)
    const keyring = await openKeyring(pool, inEnvironment(createKeyring()))
    const vault = postgresVault(pool, keyring)
    const secrets = Array.from(
      { length: 20 },
      (_, nth) => `canary ${nth} "%" ${randomBytes(9).toString('base64')}`,
    )
    const seen: string[] = []
    for (const [nth, secret] of secrets.entries()) {
      await vault.store(`acc_${nth}`, both(secret, secret))
      const loaded = await vault.load(`acc_${nth}`, 1)
      t.same(revealed(loaded), [secret, secret])
      seen.push(shown(loaded), shown(loaded?.['smtpPassword']))
    }
    const keyText = keyring.text().reveal()
    const keys = [...keyText.matchAll(/"key": "([\w-]+)"/g)].map(([, key]) => Buffer.from(key!, 'base64url'))
    t.equal(keys.length, 2)
    seen.push(
      shown(keyring),
      shown(vault),
      shown(keyring.text()),
      shown(await keyring.encryptionKey(keyring.newestId)),
    )
    seen.push(await rowsOf(pool))
    seen.push(shown(await thrownBy(() => vault.store('acc_\u0000', both(secrets[0]!, null)))))
    await pool.query('drop table mailtrail.credentials')
    seen.push(shown(await thrownBy(() => vault.store('acc_1', both(secrets[0]!, null)))))
    for (const broken of [
      keyText.slice(0, -20),
      keyText.replace('"id": 0', '"id": 999'),
      `${keyText}x`,
      '{}',
    ])
      seen.push(shown(await thrownBy(() => loadKeyring({ value: new Secret(broken), file: '' }))))
    const all = seen.join('\n')
    t.match(all, 'acc_', 'something was looked at')
    const out = [
      ...secrets.flatMap(spellings),
      ...keys.flatMap((key) => [
        key.toString('hex'),
        key.toString('base64').slice(0, -1),
        key.toString('base64url'),
      ]),
    ].filter((text) => all.includes(text))
    t.same(out, [])
  })

  t.test('a rotation goes on where it was broken off, and beside a service everything opens', async (t) => {
    const pool = await fresh(t)
    const { from, vault } = await vaultWithFile(t, pool)
    const accounts = Array.from({ length: 250 }, (_, nth) => `acc_${nth}`)
    for (const account of accounts) await vault.store(account, both(account, null))
    await vault.destroy('acc_3')
    const opens = async (by: typeof vault) => {
      for (const account of accounts)
        t.same(revealed(await by.load(account, 1)), account === 'acc_3' ? null : [account, null])
    }
    const links = (await loadKeyring(from))!.trackingKeys()

    const stop = new AbortController()
    let updates = 0
    const stopping: Pool = new Proxy(pool, {
      get: (target, property) => {
        if (property !== 'query') return Reflect.get(target, property, target)
        return (text: string, values: unknown[]) => {
          if (text.startsWith('update') && ++updates === 2) stop.abort()
          return target.query(text, values)
        }
      },
    })
    await t.rejects(rotateKeys(stopping, from, stop.signal), { name: 'AbortError' })
    await opens(vault)
    await t.rejects(retireKeys(pool, from), {
      name: 'KeyringError',
      message: /still in use: run rotate-keys/,
    })

    t.match(await rotateKeys(pool, from, never), { status: 'rotated', rewrapped: 49 })
    t.equal((await loadKeyring(from))!.ids.length, 2, 'the one that was broken off has made the key')
    await opens(vault)
    await vault.store('acc_new', both('new', null))
    const retired = await retireKeys(pool, from)
    t.same((await loadKeyring(from))!.ids, [retired.keyring.newestId])
    const after = postgresVault(pool, await openKeyring(pool, from))
    await opens(after)
    t.same(
      revealed(await after.load('acc_new', 1)),
      ['new', null],
      'a service seals under the new key at once',
    )
    t.same(retired.keyring.trackingKeys(), links, 'links in sent mail go on working')
    t.match(await rotateKeys(pool, from, never), { status: 'rotated', rewrapped: 250 }, 'and so on')
  })

  t.test('whoever stores while keys are rotated is not left under the old one', async (t) => {
    const pool = await fresh(t)
    const { from, vault } = await vaultWithFile(t, pool)
    const stored = Array.from({ length: 40 }, (_, nth) => vault.store(`acc_${nth}`, both('p', null)))
    await Promise.all([...stored, rotateKeys(pool, from, never)])
    const { keyring } = await retireKeys(pool, from)
    const { rows } = await pool.query('select distinct key_id from mailtrail.credential_keys')
    t.same(rows, [{ key_id: keyring.newestId }])
  })

  t.test('a keyring of the environment is handed back, and used when all processes have it', async (t) => {
    const pool = await fresh(t)
    const old = createKeyring()
    const vault = postgresVault(pool, await openKeyring(pool, inEnvironment(old)))
    await vault.store('acc_1', both('one', null))
    const handedBack = await rotateKeys(pool, inEnvironment(old), never)
    t.match(handedBack, { status: 'to_be_set' })
    const ring = handedBack.keyring
    t.same(ring.ids.slice(0, -1), old.ids)

    const restarted = postgresVault(pool, await openKeyring(pool, inEnvironment(ring)))
    await restarted.store('acc_2', both('two', null))
    t.same(revealed(await vault.load('acc_2', 1)), ['two', null], 'one that is yet to be restarted opens all')
    t.match(await rotateKeys(pool, inEnvironment(ring), never), { status: 'rotated', rewrapped: 2 })
    await t.rejects(openKeyring(pool, inEnvironment(old)), { name: 'KeyringError', message: /does not have/ })
    t.match(await thrownBy(() => vault.load('acc_1', 1)), { name: 'CredentialsUnreadable' })
    t.match(await thrownBy(() => vault.store('acc_3', both('x', null))), { name: 'CredentialsUnreadable' })

    const { status, keyring: only } = await retireKeys(pool, inEnvironment(ring))
    t.equal(status, 'to_be_set')
    t.same(only.ids, [ring.newestId])
    const after = postgresVault(pool, await openKeyring(pool, inEnvironment(only)))
    t.same(revealed(await after.load('acc_1', 1)), ['one', null])
    await t.rejects(rotateKeys(pool, inEnvironment(createKeyring()), never), {
      name: 'KeyringError',
      message: /Put back the keyring/,
    })
  })

  t.test('what is destroyed or stored anew while keys are rotated stays so', async (t) => {
    const pool = await fresh(t)
    const { from, vault } = await vaultWithFile(t, pool)
    for (const account of ['acc_1', 'acc_2', 'acc_3']) await vault.store(account, both(account, null))
    let met = false
    const meddling: Pool = new Proxy(pool, {
      get: (target, property) => {
        if (property !== 'query') return Reflect.get(target, property, target)
        return async (text: string, values: unknown[]) => {
          if (text.startsWith('update') && !met) {
            met = true
            await vault.destroy('acc_1')
            await vault.destroy('acc_2')
            await vault.store('acc_2', both('new', null))
          }
          return target.query(text, values)
        }
      },
    })
    await rotateKeys(meddling, from, never)
    t.ok(met)
    await retireKeys(pool, from)
    const after = postgresVault(pool, await openKeyring(pool, from))
    t.equal(await after.load('acc_1', 1), null)
    const { rows } = await pool.query<{ account_id: string }>(
      'select account_id from mailtrail.credential_keys where wrapped_key is null',
    )
    t.same(rows, [{ account_id: 'acc_1' }])
    t.same(revealed(await after.load('acc_3', 1)), ['acc_3', null])
    t.same(revealed(await after.load('acc_2', 2)), ['new', null])
  })

  t.test('a wrapped data key opens for its account alone', async (t) => {
    const keyring = createKeyring()
    const wrapped = await wrap(keyring, keyring.newestId, 'acc_1', newDataKey())
    t.ok(await unwrap(keyring, 'acc_1', wrapped))
    await t.rejects(unwrap(keyring, 'acc_2', wrapped), { name: 'CredentialsUnreadable' })
  })

  t.test('a keyring is made once, for its owner alone, and there is no start without it', async (t) => {
    const pool = await fresh(t)
    const file = path.join(t.testdir(), 'keys.json')
    const from = { value: null, file }
    t.equal(await loadKeyring(from), null)
    const keyring = await openKeyring(pool, from)
    t.equal(fs.statSync(file).mode & 0o777, 0o600)
    t.same(fs.readdirSync(path.dirname(file)), ['keys.json'], 'nothing else is left behind')
    await postgresVault(pool, keyring).store('acc_1', both('secret', null))

    const again = await openKeyring(pool, from)
    t.same(again.ids, keyring.ids)
    t.same(revealed(await postgresVault(pool, again).load('acc_1', 1)), ['secret', null])
    const value = keyring.text()
    const elsewhere = await openKeyring(pool, { value, file: '/nowhere' })
    t.same(elsewhere.ids, keyring.ids, 'an environment value serves as well')
    await t.rejects(saveKeyring(file, createKeyring()), { name: 'KeyringError', message: /already exists/ })

    fs.chmodSync(file, 0o640)
    await t.rejects(openKeyring(pool, from), { name: 'KeyringError', message: /chmod 600/ })
    fs.rmSync(file)
    await t.rejects(openKeyring(pool, from), { name: 'KeyringError', message: /there is no keyring/ })
    t.notOk(fs.existsSync(file), 'no new one is made in its place')
    await saveKeyring(file, createKeyring())
    await t.rejects(openKeyring(pool, from), { name: 'KeyringError', message: /does not have/ })
    await saveKeyring(file, keyring, { replace: true })
    t.same((await openKeyring(pool, from)).ids, keyring.ids)
    await t.rejects(openKeyring(pool, { value: new Secret('not json'), file }), KeyringError)
  })

  t.test('processes on one database have one keyring, whoever comes first', async (t) => {
    const pool = await fresh(t)
    const file = path.join(t.testdir(), 'keys.json')
    const opened = await Promise.all([1, 2, 3, 4].map(() => openKeyring(pool, { value: null, file })))
    t.equal(new Set(opened.map(({ newestId }) => newestId)).size, 1)

    const elsewhere = path.join(path.dirname(file), 'elsewhere', 'keys.json')
    await t.rejects(openKeyring(pool, { value: null, file: elsewhere }), {
      name: 'KeyringError',
      message: /all processes on one database need the same one/,
    })
    t.notOk(fs.existsSync(elsewhere), 'no second one is made')
    await t.rejects(openKeyring(pool, { value: createKeyring().text(), file }), /does not have/)
    await openKeyring(pool, { value: withNewEncryptionKey(opened[0]!).text(), file })
    await openKeyring(pool, { value: null, file })
  })

  t.test('keys of other sizes, doubled names and empty rings are refused', async (t) => {
    const key = randomBytes(32).toString('base64url')
    const tracking = [{ id: 0, key }]
    const ring = (content: object) =>
      loadKeyring({ value: new Secret(JSON.stringify(content)), file: '/nowhere' })
    t.ok(await ring({ encryptionKeys: [{ id: 'a', key }], trackingKeys: tracking }))
    for (const [encryptionKeys, trackingKeys] of [
      [[], tracking],
      [[{ id: 'a', key: key.slice(2) }], tracking],
      [[{ id: 'a', key: `${key}AA` }], tracking],
      [
        [
          { id: 'a', key },
          { id: 'a', key },
        ],
        tracking,
      ],
      [[{ id: 'a', key }], []],
      [[{ id: 'a', key }], [...tracking, ...tracking]],
      [[{ id: 'a', key }], [{ id: 256, key }]],
    ])
      await t.rejects(ring({ encryptionKeys, trackingKeys }), { name: 'KeyringError' })
  })
})
