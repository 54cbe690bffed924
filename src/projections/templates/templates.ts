import type { Kysely } from 'kysely'
import { findTemplate, findTemplateVersion, listTemplates, templateList } from './template-list.ts'

export const templateProjections = [templateList]

export const templateQueries = (db: Kysely<unknown>) => ({
  readModels: { templateList },
  list: listTemplates(db),
  find: findTemplate(db),
  findVersion: findTemplateVersion(db),
})

export type TemplateQueries = ReturnType<typeof templateQueries>
