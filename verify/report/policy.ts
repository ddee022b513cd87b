/** The section on the access policy: a picture and a table. */
import type { ExternalCaller, Policy, ServicePolicy } from "@restricted-calls/shared/access-policy";
import { html, type Markup, type Part } from "./markup.ts";
import { scrollable, table } from "./sections.ts";

/** The picture, and the same grants as a table with the descriptions of the roles. */
export function policySection(policy: Policy): Markup {
  const { services, externalCallers = {} } = policy;
  const rows = Object.entries(services).flatMap(([name, service]): Part[][] => {
    if (!isCalled(service)) return [];
    const { callers, roles } = service;
    const unheld = grantedToNobody(service);
    const held: [string, readonly string[]][] = Object.entries(callers);
    if (unheld.length > 0 || held.length === 0) held.push(["nobody", unheld]);
    return held.map(([caller, granted]) => [
      name,
      externalCallers[caller] === undefined
        ? caller
        : `${caller}, external, from ${networkOf(externalCallers[caller])}`,
      granted.map((role) => html`<div><code>${role}</code> ${roles[role]?.description}</div>`),
    ]);
  });
  return html`<p>
      As <code>shared/access-policy.json</code> says. Every call without an arrow to a service is refused.
    </p>
    ${scrollable("Picture: who may call whom", picture(policy))}
    ${table("Grants", ["Service", "May be called by", "With the app roles"], rows)}`;
}

function networkOf({ subnet, addressRanges = [] }: ExternalCaller): string {
  if (subnet === undefined) return addressRanges.join(", ");
  const [network, name] = subnet.split("/").filter((_, i) => i === 8 || i === 10);
  return `the subnet ${network ?? ""}/${name ?? ""}`;
}

/**
 * Callers in their networks at the left, called services at the right, and the two layers as two walls between them. A grant
 * crosses both walls. A refused call ends at the wall of the layer that refuses it.
 */
export function picture(policy: Policy): Markup {
  const plan = planOf(policy);
  return html`<svg
    class="picture"
    viewBox="0 0 ${WIDTH} ${plan.bottom}"
    role="img"
    aria-labelledby="picture-name picture-words"
  >
    <title id="picture-name">Who may call whom</title>
    <desc id="picture-words">${inWords(policy)}</desc>
    <defs>
      <marker id="arrow" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="8" markerHeight="8" orient="auto">
        <path class="head" d="M0 0 8 4 0 8z" />
      </marker>
    </defs>
    ${frame(plan)} ${plan.callers.map((caller) => box(caller, LEFT, ...caller.lines))}
    ${plan.called.map((service) => box(service, RIGHT, ...service.lines))} ${plan.grants.map(grantArrow)}
    ${plan.refusals.map(refusalArrow)}
  </svg>`;
}

/** The text alternative of the picture. */
export function inWords({ services }: Policy): string {
  const sentences = Object.entries(services).flatMap(([called, { callers }]) =>
    Object.entries(callers).map(([caller, roles]) => `${caller} may call ${called} as ${roles.join(", ")}.`),
  );
  return [
    ...(sentences.length === 0 ? ["Nobody may call anybody."] : sentences),
    "Every other identity is refused by the application layer (401 or 403), and every other subnet and the internet by the network layer (403).",
  ].join(" ");
}

/** Whether a service has roles or callers. */
function isCalled(service: ServicePolicy): boolean {
  return Object.keys(service.roles).length > 0 || Object.keys(service.callers).length > 0;
}

/** The roles of a service that no caller holds. */
function grantedToNobody({ roles, callers }: ServicePolicy): string[] {
  const granted = new Set(Object.values(callers).flat());
  return Object.keys(roles).filter((role) => !granted.has(role));
}

// All sizes are in units of the view box. The text is 13 units high.
const WIDTH = 1000;
const LEFT = { x: 26, width: 216 };
const RIGHT = { x: 768, width: 226 };
const NETWORK_WALL = 392;
const APPLICATION_WALL = 552;
const WALL = 20;
const TOP = 128;
/** The height of a box of two lines. */
const BOX = 52;
const LINE = 17;
const GAP = 16;

interface Box {
  readonly name: string;
  readonly y: number;
  readonly height: number;
}

interface Plan {
  /** Whether an external caller calls from public addresses. */
  readonly byAddress: boolean;
  readonly callers: readonly (Box & { readonly lines: readonly string[] })[];
  readonly called: readonly (Box & { readonly lines: readonly string[] })[];
  readonly grants: readonly { readonly from: number; readonly y: number; readonly roles: readonly string[] }[];
  readonly refusals: readonly Refusal[];
  /** Where the virtual network ends; null if external callers stand between its services. */
  readonly networkBottom: number | null;
  readonly bottom: number;
}

interface Refusal extends Box {
  readonly detail: string;
  readonly wall: number;
  readonly response: readonly string[];
}

const BY_APPLICATION = {
  detail: "without identity or role",
  wall: APPLICATION_WALL,
  response: ["401 or 403 by the", "application layer"],
} as const;
const BY_NETWORK = {
  detail: "even with a good token",
  wall: NETWORK_WALL,
  response: ["403 by the", "network layer"],
} as const;

/** With more services than this, arrows would cross: each service has its callers beside it, and they may appear several times. */
const MOST_SERVICES_WITH_CURVES = 6;

function planOf({ services, externalCallers = {} }: Policy): Plan {
  const bySubnet = Object.entries(services).sort(([, a], [, b]) => a.subnet - b.subnet);
  if (bySubnet.length > MOST_SERVICES_WITH_CURVES) return planInRows(bySubnet, externalCallers);
  let y = TOP;
  const grants: { from: string; y: number; roles: readonly string[] }[] = [];
  const called = bySubnet.flatMap(([name, service]) => {
    if (!isCalled(service)) return [];
    const begin = y;
    for (const [from, roles] of Object.entries(service.callers)) {
      const height = roles.length * LINE + 2 * GAP;
      grants.push({ from, y: y + height / 2, roles });
      y += height;
    }
    const lines = linesOf(service);
    const height = Math.max(y - begin, BOX + (lines.length - 1) * LINE);
    y = begin + height + GAP;
    return [{ name, y: begin, height, lines }];
  });

  // Spreads the callers over the height of the called services, so that the arrows do not overlap.
  const external = Object.entries(externalCallers).map(([name, caller]) => [name, outside(caller)] as const);
  const boxes = [...bySubnet.map(([name, { subnet }]) => [name, `subnet ${subnet}`] as const), ...external];
  const pitch = Math.max(BOX + GAP, Math.floor((y - TOP) / Math.max(boxes.length, 1)));
  const callers = boxes.map(([name, line], i) => ({ name, lines: [line], y: TOP + i * pitch, height: BOX }));
  const middleOf = (name: string): number => (callers.find((caller) => caller.name === name)?.y ?? TOP) + BOX / 2;
  const refused = refusalsBelow(Math.max(TOP + callers.length * pitch, y) + GAP);
  const lastService = TOP + (bySubnet.length - 1) * pitch + BOX;
  return {
    byAddress: hasAddresses(externalCallers),
    callers,
    called,
    grants: grants.map(({ from, ...grant }) => ({ ...grant, from: middleOf(from) })),
    ...refused,
    // External callers stand below the virtual network.
    ...(external.length > 0 && { networkBottom: lastService + GAP / 2 }),
  };
}

/** A row for each service and each set of roles: its callers in one box, and a straight arrow. */
function planInRows(
  bySubnet: readonly (readonly [string, ServicePolicy])[],
  externalCallers: NonNullable<Policy["externalCallers"]>,
): Plan {
  const callers: Plan["callers"][number][] = [];
  const grants: Plan["grants"][number][] = [];
  const networks = new Map<string, string>([
    ...bySubnet.map(([name, { subnet }]) => [name, `subnet ${subnet}`] as const),
    ...Object.entries(externalCallers).map(([name, caller]) => [name, outside(caller)] as const),
  ]);
  let y = TOP;
  const called = bySubnet.flatMap(([name, service]) => {
    if (!isCalled(service)) return [];
    const begin = y;
    for (const same of Map.groupBy(Object.entries(service.callers), ([, roles]) => roles.join()).values()) {
      const [first, roles] = same[0] ?? ["", []];
      const names = same.map(([caller]) => `${caller}, ${networks.get(caller) ?? "?"}`);
      const [title, lines] =
        same.length === 1 ? [first, [networks.get(first) ?? "?"]] : [`${same.length} callers`, names];
      const height = Math.max(BOX + (lines.length - 1) * LINE, roles.length * LINE + GAP);
      callers.push({ name: title, lines, y, height });
      grants.push({ from: y + height / 2, y: y + height / 2, roles });
      y += height + GAP;
    }
    const lines = linesOf(service);
    const height = Math.max(y - GAP - begin, BOX + (lines.length - 1) * LINE);
    y = begin + height + GAP;
    return [{ name, y: begin, height, lines }];
  });
  return {
    byAddress: hasAddresses(externalCallers),
    ...{ callers, called, grants },
    ...refusalsBelow(y + GAP),
    ...(Object.keys(externalCallers).length > 0 && { networkBottom: null }),
  };
}

function outside({ subnet }: ExternalCaller): string {
  return subnet === undefined ? "external, public addresses" : "external, its own subnet";
}

function hasAddresses(externalCallers: NonNullable<Policy["externalCallers"]>): boolean {
  return Object.values(externalCallers).some(({ addressRanges }) => addressRanges !== undefined);
}

/** The lines under a called service's name. */
function linesOf(service: ServicePolicy): string[] {
  const spare = grantedToNobody(service);
  return [
    ...(Object.keys(service.callers).length === 0 ? ["nobody may call it"] : [`subnet ${service.subnet}`]),
    ...(spare.length === 0 ? [] : ["granted to nobody:", ...spare]),
  ];
}

function refusalsBelow(below: number): Pick<Plan, "refusals" | "networkBottom" | "bottom"> {
  const rows = [below, below + 68, below + 168] as const;
  return {
    refusals: [
      { name: "an admitted network", y: rows[0], height: BOX, ...BY_APPLICATION },
      { name: "any other subnet", y: rows[1], height: BOX, ...BY_NETWORK },
      { name: "the internet", y: rows[2], height: BOX, ...BY_NETWORK },
    ],
    networkBottom: rows[1] + BOX + GAP,
    bottom: rows[2] + BOX + GAP,
  };
}

/** The virtual network, Entra ID and the two walls. */
function frame({ networkBottom, bottom, byAddress }: Plan): Markup {
  const network = NETWORK_WALL + WALL / 2;
  const application = APPLICATION_WALL + WALL / 2;
  return html`
    ${
      networkBottom === null
        ? null
        : html`<rect class="frame" x="10" y="${TOP - 38}" width="248" height="${networkBottom - TOP + 38}" rx="8" />
            <text class="small" x="26" y="${TOP - 16}">virtual network</text>`
    }
    <rect class="box" x="${application - 74}" y="6" width="148" height="36" rx="6" />
    <text class="name" x="${application}" y="29" text-anchor="middle">Entra ID</text>
    <path class="aside" d="M134 ${TOP - 38}V24H${application - 76}" marker-end="url(#arrow)" />
    <text class="small" x="148" y="16">a token, only for an identity that holds a role</text>
    <path class="aside" d="M${application} 42V74" marker-end="url(#arrow)" />
    <text class="small" x="${application + 12}" y="62">signing keys</text>
    ${wall(NETWORK_WALL, bottom, "wall network")} ${wall(APPLICATION_WALL, bottom, "wall application")}
    <text class="name" x="${network}" y="${TOP - 32}" text-anchor="middle">Network layer</text>
    <text class="small" x="${network}" y="${TOP - 15}" text-anchor="middle"
      >${byAddress ? "by subnet or address" : "by subnet"}</text
    >
    <text class="name" x="${application}" y="${TOP - 32}" text-anchor="middle">Application layer</text>
    <text class="small" x="${application}" y="${TOP - 15}" text-anchor="middle">by token and app role</text>
  `;
}

function wall(x: number, bottom: number, kind: string): Markup {
  return html`<rect class="${kind}" x="${x}" y="${TOP - 6}" width="${WALL}" height="${bottom - TOP - 2}" rx="3" />`;
}

function box({ name, y, height }: Box, { x, width }: typeof LEFT, ...lines: readonly string[]): Markup {
  const first = y + height / 2 - (lines.length * LINE) / 2 + 5;
  return html`<rect class="box" x="${x}" y="${y}" width="${width}" height="${height}" rx="6" />
    <text class="name" x="${x + 14}" y="${first}">${shortened(name, 25)}</text>
    ${lines.map(
      (line, i) => html`<text class="small" x="${x + 14}" y="${first + (i + 1) * LINE}">${shortened(line, 30)}</text>`,
    )}`;
}

/** A grant crosses both walls and shows its roles. */
function grantArrow({ from, y, roles }: Plan["grants"][number]): Markup {
  const [begin, bend] = [LEFT.x + LEFT.width, NETWORK_WALL - 16];
  const middle = (begin + bend) / 2;
  const ticket = { x: APPLICATION_WALL + WALL + 14, width: 160, height: roles.length * LINE + 10 };
  return html`<rect class="opening" x="${NETWORK_WALL - 1}" y="${y - 9}" width="${WALL + 2}" height="18" />
    <rect class="opening" x="${APPLICATION_WALL - 1}" y="${y - 9}" width="${WALL + 2}" height="18" />
    <path
      class="grant"
      d="M${begin} ${from}C${middle} ${from} ${middle} ${y} ${bend} ${y}H${RIGHT.x - 2}"
      marker-end="url(#arrow)"
    />
    <rect
      class="ticket"
      x="${ticket.x}"
      y="${y - ticket.height / 2}"
      width="${ticket.width}"
      height="${ticket.height}"
      rx="4"
    />
    ${roles.map(
      (role, i) =>
        html`<text
          class="role"
          x="${ticket.x + ticket.width / 2}"
          y="${y - (roles.length * LINE) / 2 + i * LINE + 13}"
          text-anchor="middle"
        >
          ${shortened(role, 22)}
        </text>`,
    )}`;
}

/** A refused call ends at a wall, with a cross. */
function refusalArrow({ name, detail, y, height, wall, response }: Refusal): Markup {
  const middle = y + height / 2;
  const end = wall - 12;
  return html`${box({ name, y, height }, LEFT, detail)}
    <path class="refused" d="M${LEFT.x + LEFT.width} ${middle}H${end - 6}" />
    ${
      wall === APPLICATION_WALL
        ? html`<rect class="opening" x="${NETWORK_WALL - 1}" y="${middle - 9}" width="${WALL + 2}" height="18" />
            <path class="refused" d="M${NETWORK_WALL - 2} ${middle}h${WALL + 4}" />`
        : null
    }
    <path class="cross" d="M${end - 7} ${middle - 7}l14 14m0-14l-14 14" />
    ${response.map(
      (line, i) => html`<text class="response" x="${wall + WALL + 12}" y="${middle - 3 + i * LINE}">${line}</text>`,
    )}`;
}

function shortened(text: string, characters: number): string {
  return text.length <= characters ? text : `${text.slice(0, characters - 1)}…`;
}
