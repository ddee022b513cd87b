import { html, type Markup, type Part } from "./markup.ts";
import { grantedToNobody, isCalled, picture } from "./picture.ts";
import type { Policy } from "../model/report.ts";
import { scrollable, table } from "./sections.ts";

/** Who may call whom: the picture, and the same as a table with what the roles mean. */
export function policySection({ services }: Policy): Markup {
  const rows = Object.entries(services).flatMap(([name, service]): Part[][] => {
    if (!isCalled(service)) return [];
    const { callers, roles } = service;
    const unheld = grantedToNobody(service);
    const held: [string, readonly string[]][] = Object.entries(callers);
    if (unheld.length > 0 || held.length === 0) held.push(["nobody", unheld]);
    return held.map(([caller, granted]) => [
      name,
      caller,
      granted.map((role) => html`<div><code>${role}</code> ${roles[role]?.description}</div>`),
    ]);
  });
  return html`<p>
      As <code>shared/access-policy.json</code> says. Everything that is not drawn as an arrow to a service is refused.
    </p>
    ${scrollable("Picture: who may call whom", picture({ services }))}
    ${table("Grants", ["Service", "May be called by", "With the app roles"], rows)}`;
}
