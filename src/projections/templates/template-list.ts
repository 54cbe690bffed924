import { sql, type Kysely } from 'kysely'
import { templateEvents, type TemplateContent } from '../../domain/templates/events.ts'
import {
  boolean,
  integer,
  json,
  nullable,
  projection,
  table,
  tablesOf,
  text,
  timestamp,
  type RowOf,
} from '../projection.ts'

const template = table({
  columns: {
    id: text,
    scope: text,
    /** Of a personal template. */
    user_id: nullable(text),
    name: text,
    /** The name as the list is ordered by it. */
    sort_name: text,
    subject: text,
    format: text,
    version: integer,
    is_deleted: boolean,
    created_at: timestamp,
    changed_at: timestamp,
    revision: integer,
  },
  key: ['id'],
  indexes: ['(sort_name, id)'],
})

const version = table({
  columns: {
    template_id: text,
    version: integer,
    content: json<TemplateContent>(),
    created_at: timestamp,
    created_by: nullable(text),
  },
  key: ['template_id', 'version'],
})

/** The list of templates, and every version that any of them ever had: a message shows the one that it was made from. */
export const templateList = projection({
  name: 'template-list',
  version: 1,
  tables: { template, version },
  events: templateEvents,
  fold: (event, rows) => {
    const { templateId } = event.data
    const at = event.metadata.occurredAt
    const before = rows.get('template', { id: templateId })
    if (event.type !== 'TemplateCreated' && !before)
      throw new Error(`${event.type} of a template that was not created`)
    if (event.type === 'TemplateDeleted') {
      if (before)
        rows.put('template', { ...before, is_deleted: true, changed_at: at, revision: event.revision })
      return
    }
    const { content } = event.data
    const { actor } = event.metadata
    rows.put('version', {
      template_id: templateId,
      version: event.data.version,
      content,
      created_at: at,
      created_by: actor.kind === 'user' ? actor.id : null,
    })
    const scope = event.type === 'TemplateCreated' ? event.data.scope : null
    rows.put('template', {
      id: templateId,
      scope: scope?.kind ?? before?.scope ?? '',
      user_id: scope === null ? (before?.user_id ?? null) : scope.kind === 'personal' ? scope.userId : null,
      name: content.name,
      sort_name: content.name.toLowerCase(),
      subject: content.subject,
      format: content.body.format,
      version: event.data.version,
      is_deleted: false,
      created_at: before?.created_at ?? at,
      changed_at: at,
      revision: event.revision,
    })
  },
})

export type TemplateRow = RowOf<typeof template>
export type TemplateVersionRow = RowOf<typeof version>

/** Templates that this user (null: nobody in particular) may see, deleted ones included. */
const visible = (db: Kysely<unknown>, userId: string | null) =>
  tablesOf(db, templateList)
    .selectFrom('template')
    .where((where) =>
      where.or([where('scope', '=', 'shared'), ...(userId === null ? [] : [where('user_id', '=', userId)])]),
    )

/** My templates, the shared ones, or both, by name; up to `limit` behind the key `after`. */
export const listTemplates = (
  db: Kysely<unknown>,
  query: {
    readonly userId: string | null
    readonly scope: 'personal' | 'shared' | null
    readonly after: readonly [sortName: string, id: string] | null
    readonly limit: number
  },
): Promise<TemplateRow[]> => {
  const { userId, scope, after, limit } = query
  return visible(db, userId)
    .selectAll()
    .where('is_deleted', '=', false)
    .$if(scope !== null, (rows) => rows.where('scope', '=', scope ?? ''))
    .$if(after !== null, (rows) => rows.where(sql<boolean>`(sort_name, id) > (${after?.[0]}, ${after?.[1]})`))
    .orderBy('sort_name')
    .orderBy('id')
    .limit(limit)
    .execute()
}

export type TemplateDetail = TemplateRow & { readonly content: TemplateContent }

/** A template with its newest content. */
export const findTemplateDetail = (
  db: Kysely<unknown>,
  id: string,
  userId: string | null,
): Promise<TemplateDetail | undefined> =>
  visible(db, userId)
    .innerJoin('version', (join) =>
      join.onRef('version.template_id', '=', 'template.id').onRef('version.version', '=', 'template.version'),
    )
    .selectAll('template')
    .select('version.content')
    .where('template.id', '=', id)
    .where('is_deleted', '=', false)
    .executeTakeFirst()

/** Any version, of a deleted template too. */
export const findTemplateVersion = (
  db: Kysely<unknown>,
  id: string,
  number: number,
  userId: string | null,
): Promise<TemplateVersionRow | undefined> =>
  visible(db, userId)
    .innerJoin('version', 'version.template_id', 'template.id')
    .selectAll('version')
    .where('template.id', '=', id)
    .where('version.version', '=', number)
    .executeTakeFirst()
