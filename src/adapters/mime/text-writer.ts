/** How lines begin: the first one written, and all others. */
type Margin = { next: string; readonly rest: string }

/**
 * Writes running text into lines the way a browser lays out blocks: white space collapses, empty lines do not pile up.
 */
export type TextWriter = {
  text(text: string): void
  /** Text in which spaces and line breaks count. */
  preformatted(text: string): void
  /** Ends the current line; with `blank`, an empty line precedes the next text. */
  breakLine(blank: boolean): void
  /** Ends the line, even an empty one. */
  lineFeed(): void
  /** From here on lines begin like this, until `outdent`. */
  indent(first: string, rest: string): void
  outdent(): void
  end(): string
}

/** Writes plain text line by line, with nested margins. */
export const textWriter = (): TextWriter => {
  const lines: string[] = []
  const margins: Margin[] = []
  let line = ''
  /** The margin of the pending empty line: that of the outermost element that asked for it. */
  let blank: string | null = null

  const push = (): void => {
    if (blank !== null && lines.length > 0) lines.push(blank.trimEnd())
    blank = null
    const margin = margins.map(({ next }) => next).join('')
    for (const each of margins) each.next = each.rest
    lines.push(`${margin}${line.trimEnd()}`)
    line = ''
  }
  const breakLine = (wantsBlank: boolean): void => {
    if (line.trim() !== '') push()
    line = ''
    if (!wantsBlank) return
    const margin = margins.map(({ rest }) => rest).join('')
    if (blank === null || margin.length < blank.length) blank = margin
  }
  return {
    text: (text) => {
      const collapsed = text.replaceAll(/[ \t\n\f\r]+/g, ' ').replaceAll('\u00a0', ' ')
      line += line === '' || line.endsWith(' ') ? collapsed.replace(/^ /, '') : collapsed
    },
    preformatted: (text) => {
      for (const [index, part] of text
        .replaceAll('\u00a0', ' ')
        .split(/\r\n?|\n/)
        .entries()) {
        if (index > 0) push()
        line += part
      }
    },
    breakLine,
    lineFeed: () => breakLine(line.trim() === ''),
    indent: (first, rest) => {
      margins.push({ next: first, rest })
    },
    outdent: () => {
      margins.pop()
    },
    end: () => {
      breakLine(false)
      return lines.join('\n')
    },
  }
}
