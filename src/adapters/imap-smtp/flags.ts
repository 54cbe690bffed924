/** The system flags (RFC 9051 2.3.2) in the words of the port; keywords are words already. */
const SYSTEM: Readonly<Record<string, string>> = {
  '\\seen': 'seen',
  '\\answered': 'answered',
  '\\flagged': 'flagged',
  '\\draft': 'draft',
  '\\deleted': 'deleted',
}

/** Flags as the port has them. `\Recent` belongs to a session, not to the message: two looks would differ by it. */
export const portFlags = (flags: Iterable<string>): string[] =>
  [
    ...new Set(
      [...flags]
        .filter((flag) => flag.toLowerCase() !== '\\recent')
        .map((flag) => SYSTEM[flag.toLowerCase()] ?? flag),
    ),
  ].toSorted()
