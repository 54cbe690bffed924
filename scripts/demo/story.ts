/** Content of the demo: one MJML template with three links, and the customers' deals. */
export const companies = [
  { id: 'northwind', name: 'Northwind Traders' },
  { id: 'contoso', name: 'Contoso Ltd' },
  { id: 'fabrikam', name: 'Fabrikam AG' },
] as const

export const deals = {
  'c-mia': { id: 'd-1', name: 'Northwind renewal', companyId: 'northwind' },
  'c-omar': { id: 'd-2', name: 'Contoso pilot', companyId: 'contoso' },
  'c-lena': { id: 'd-3', name: 'Fabrikam rollout', companyId: 'fabrikam' },
} as const

export const companyOf = { 'c-mia': 'northwind', 'c-omar': 'contoso', 'c-lena': 'fabrikam' } as const

export const followUp = {
  name: 'Follow-up Email',
  subject: 'Following up on {deal.name}',
  body: {
    format: 'mjml',
    source: `<mjml>
  <mj-body>
    <mj-section>
      <mj-column>
        <mj-text>Hi {contact.first_name|there},</mj-text>
        <mj-text>I wanted to follow up on our recent conversation about {deal.name}. Have you had a chance to
          review the materials I sent?</mj-text>
        <mj-text><a href="https://acme.test/proposal.pdf">The proposal</a>,
          <a href="https://acme.test/pricing?plan=team">our pricing</a> and
          <a href="https://acme.test/calendar">my calendar</a>, should you like to talk.</mj-text>
        <mj-text>Best regards,</mj-text>
        <mj-text>{signature}</mj-text>
      </mj-column>
    </mj-section>
  </mj-body>
</mjml>`,
  },
} as const

export const signature = '<p><b>{user.name}</b><br>{user.title}, {company.name}<br>📞 {user.phone}</p>'
