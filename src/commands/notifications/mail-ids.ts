import { entityId, sourceEventId } from '../handle.ts'

/** The command that mails this to a user: a repeat is the same command, and makes the same email. */
export const mailCommandOf = (key: string): string => sourceEventId(`notification mail ${key}`)
export const mailIdOf = (key: string): string => entityId('out', mailCommandOf(key))

/** What a digest is mailed under; a notification is mailed under its id. */
export const digestKey = (userId: string, date: string): string => `digest ${userId} ${date}`
