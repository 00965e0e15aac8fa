let cpuAtStart = process.cpuUsage();

/** The CPU time of a program's own process, for its parent's questions. */
export const cpuCount = {
  startCounting: (): void => {
    cpuAtStart = process.cpuUsage();
  },
  cpuMs: (): number => {
    const { user, system } = process.cpuUsage(cpuAtStart);
    return (user + system) / 1000;
  },
};
