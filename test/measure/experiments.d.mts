export declare function experimentIds(): string[]
export declare function folderOf(id: string): string
export declare function isLong(id: string): boolean
