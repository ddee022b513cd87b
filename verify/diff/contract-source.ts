/**
 * Reads the operations of a contract from its text. The text may be of a commit that nobody has reviewed: it is parsed, and never
 * run. Therefore a contract states its operations as literals.
 */
import ts from "typescript";
import type { Operation } from "../model/report.ts";

/** An operation, and what it asks for. */
export interface StatedOperation extends Operation {
  readonly access: (typeof ACCESS)[number];
}

const ACCESS = ["token", "public", "function-key"] as const;
const NAMES = ["id", "method", "route", "access", "role"] as const;

/**
 * @param file the path of the text, for messages
 * @throws Error with file and line, if something is no literal, or the contract has another form
 */
export function operationsIn(text: string, service: string, file: string): StatedOperation[] {
  const { diagnostics = [] } = ts.transpileModule(text, { fileName: file, reportDiagnostics: true });
  if (diagnostics.length > 0) throw new Error(`${file}: this is no TypeScript.`);
  const source = ts.createSourceFile(file, text, ts.ScriptTarget.Latest, true);
  const problem = (node: ts.Node, what: string): Error => {
    const { line } = source.getLineAndCharacterOfPosition(node.getStart());
    return new Error(`${file}:${line + 1}: ${what} Contracts of commits are read without running them.`);
  };

  const [exported, another] = source.statements.filter(ts.isExportAssignment);
  const contract = exported && unwrapped(exported.expression);
  if (contract === undefined || another !== undefined || !ts.isObjectLiteralExpression(contract)) {
    throw problem(exported ?? source, "Expected `export default { operations: [...] }`.");
  }
  const operations = unwrapped(membersOf(contract, problem).get("operations") ?? contract);
  if (!ts.isArrayLiteralExpression(operations)) throw problem(operations, "Expected a list of operations here.");

  return operations.elements.map((element) => {
    const operation = unwrapped(element);
    if (!ts.isObjectLiteralExpression(operation)) throw problem(element, "Write the operation as an object here.");
    const members = membersOf(operation, problem);
    const stated = Object.fromEntries(
      NAMES.flatMap((name) => {
        const value = members.get(name);
        if (value === undefined) return [];
        const literal = unwrapped(value);
        if (!ts.isStringLiteralLike(literal)) throw problem(value, `Write "${name}" as a text here.`);
        return [[name, literal.text]];
      }),
    ) as Partial<Record<(typeof NAMES)[number], string>>;
    const { id, method, route, role } = stated;
    const access = ACCESS.find((one) => one === stated.access);
    if (id === undefined || method === undefined || route === undefined || access === undefined) {
      throw problem(operation, `Expected "id", "method", "route" and "access" (${ACCESS.join(", ")}).`);
    }
    if ((access === "token") !== (role !== undefined)) {
      throw problem(operation, `An operation has a role if its access is "token", and only then.`);
    }
    return { id, service, method, route, access, role: role ?? null };
  });
}

/** The members of an object: nothing but names and values, each name once. */
function membersOf(
  object: ts.ObjectLiteralExpression,
  problem: (node: ts.Node, what: string) => Error,
): ReadonlyMap<string, ts.Node> {
  const members = new Map<string, ts.Node>();
  for (const member of object.properties) {
    const name = member.name;
    if (name === undefined || !(ts.isIdentifier(name) || ts.isStringLiteral(name))) {
      throw problem(member, "Write each member by its name.");
    }
    if (members.has(name.text) || name.text === "__proto__")
      throw problem(member, `"${name.text}" is not allowed here.`);
    // A method or a short form has no value of its own: where a text is expected, it is refused.
    members.set(name.text, ts.isPropertyAssignment(member) ? member.initializer : member);
  }
  return members;
}

/** Without `satisfies`, `as` and brackets. */
function unwrapped(node: ts.Node): ts.Node {
  const isWrapped = ts.isSatisfiesExpression(node) || ts.isAsExpression(node) || ts.isParenthesizedExpression(node);
  return isWrapped ? unwrapped(node.expression) : node;
}
