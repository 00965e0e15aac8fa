export interface Finding {
  file: string;
  kind: 'clause first' | 'too long' | 'odd turn';
  sentence: string;
}

export function findingsIn(file: string, text: string): Finding[];
