/** Who one can be on the page. */
export const PEOPLE = ['operator', 'approver', 'viewer'] as const;
