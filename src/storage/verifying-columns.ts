import { NO_RULES, type VerifyingRules } from '../core/feedback.js';
import { jsonIn } from './columns.js';

export function verifyingOut(rules: VerifyingRules): { readonly verifying: string } {
  return { verifying: JSON.stringify(rules) };
}

export function verifyingIn(text: string | null): VerifyingRules {
  return text === null ? { ...NO_RULES } : { ...NO_RULES, ...jsonIn<Partial<VerifyingRules>>(text) };
}
