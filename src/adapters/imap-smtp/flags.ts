/** The system flags (RFC 9051 2.3.2) as the port names them; keywords keep their names. */
const SYSTEM: Readonly<Record<string, string>> = {
  '\\seen': 'seen',
  '\\answered': 'answered',
  '\\flagged': 'flagged',
  '\\draft': 'draft',
  '\\deleted': 'deleted',
}

/** Flags as the port names them. `\Recent` is left out: it belongs to the session, so two looks would differ. */
export const portFlags = (flags: Iterable<string>): string[] =>
  [
    ...new Set(
      [...flags]
        .filter((flag) => flag.toLowerCase() !== '\\recent')
        .map((flag) => SYSTEM[flag.toLowerCase()] ?? flag),
    ),
  ].toSorted()
