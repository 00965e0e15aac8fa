export function plainModule(source: string): string;
