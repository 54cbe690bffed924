import type { PresenceChange } from './presence-events.ts'

/** What keeps a message out of the lists, either or both. */
export type Absence = { readonly deleted: boolean; readonly hidden: boolean }

export const absenceAfter = (
  { deleted, hidden }: Absence = { deleted: false, hidden: false },
  { type }: Pick<PresenceChange, 'type'>,
): Absence => {
  switch (type) {
    case 'MessageDeleted':
      return { deleted: true, hidden }
    case 'MessageRestored':
      return { deleted: false, hidden }
    case 'MessageHidden':
      return { deleted, hidden: true }
    case 'MessageShown':
      return { deleted, hidden: false }
  }
}

export const isAbsent = ({ deleted, hidden }: Absence): boolean => deleted || hidden
