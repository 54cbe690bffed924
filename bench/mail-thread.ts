import { parentPort, Worker, workerData } from 'node:worker_threads'
import { imapServer, smtpSink } from '../scripts/lib/mail-servers/loopback.ts'
import type { KeyPair } from '../scripts/lib/mail-servers/tls.ts'
import { madeUp } from './made-up.ts'

type Options = {
  readonly tls: KeyPair
  readonly users: Record<string, string>
  readonly messages: number
  readonly bytes: number
}

export type MailThread = {
  readonly smtpPort: number
  readonly imapPort: number
  /** Resolves when the sink has accepted this many messages in all. */
  taken(count: number): Promise<void>
  close(): Promise<void>
}

/** An SMTP sink and an IMAP mailbox of generated mail in a thread of their own, so that they do not block ours. */
export const mailThread = async (options: Options): Promise<MailThread> => {
  const worker = new Worker(new URL(import.meta.url), { workerData: options })
  const answers = new Map<number, () => void>()
  let calls = 0
  const ports = await new Promise<{ smtpPort: number; imapPort: number }>((resolve, reject) => {
    worker.once('error', reject)
    worker.once('message', (message: { smtpPort: number; imapPort: number }) => {
      worker.on('message', (call: number) => answers.get(call)?.())
      resolve(message)
    })
  })
  return {
    ...ports,
    taken: (count) =>
      new Promise((resolve) => {
        const call = ++calls
        answers.set(call, resolve)
        worker.postMessage({ call, count })
      }),
    close: async () => {
      await worker.terminate()
    },
  }
}

if (parentPort) {
  const port = parentPort
  const { tls, users, messages, bytes } = workerData as Options
  const sink = await smtpSink({ encryption: 'starttls', tls, users })
  const inbox = Array.from({ length: messages }, (_, index) => ({
    raw: madeUp(index, bytes),
    at: new Date(),
  }))
  const imap = await imapServer({
    encryption: 'tls',
    tls,
    users: Object.fromEntries(
      Object.entries(users).map(([user, password]) => [
        user,
        {
          password,
          folders: [
            { path: 'INBOX', messages: inbox },
            { path: 'Sent', use: '\\Sent' },
          ],
        },
      ]),
    ),
  })
  port.postMessage({ smtpPort: sink.port, imapPort: imap.port })
  port.on('message', ({ call, count }: { call: number; count: number }) => {
    void sink.arrived(count).then(() => port.postMessage(call))
  })
}
