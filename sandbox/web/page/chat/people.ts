/** The people whose role the page can take. */
export const PEOPLE = ['operator', 'approver', 'viewer'] as const;
