import { html, type Markup } from "./markup.ts";
import { grantedToNobody, isCalled, picture } from "./picture.ts";
import type { Policy } from "./report.ts";
import { scrollable } from "./sections.ts";

/** Who may call whom: the picture, and the same as a table with what the roles mean. */
export function policySection(policy: Policy): Markup {
  return html`<p>
      As <code>shared/access-policy.json</code> says. Everything that is not drawn as an arrow to a service is refused.
    </p>
    ${scrollable("Picture: who may call whom", picture(policy))} ${table(policy)}`;
}

function table({ services }: Policy): Markup {
  const rows = Object.entries(services).flatMap(([name, service]) => {
    if (!isCalled(service)) return [];
    const unheld = grantedToNobody(service);
    return [
      ...Object.entries(service.callers).map(([caller, roles]) => row(name, service, caller, roles)),
      ...(unheld.length === 0 && Object.keys(service.callers).length > 0 ? [] : [row(name, service, "nobody", unheld)]),
    ];
  });
  return scrollable(
    "Grants",
    html`<table class="plain">
      <caption>
        Grants
      </caption>
      <thead>
        <tr>
          <th scope="col">Service</th>
          <th scope="col">May be called by</th>
          <th scope="col">With the app roles</th>
        </tr>
      </thead>
      <tbody>
        ${rows}
      </tbody>
    </table>`,
  );
}

function row(name: string, { roles }: Policy["services"][string], caller: string, held: readonly string[]): Markup {
  return html`<tr>
    <th scope="row">${name}</th>
    <td>${caller}</td>
    <td>${held.map((role) => html`<div><code>${role}</code> ${roles[role]?.description}</div>`)}</td>
  </tr>`;
}
