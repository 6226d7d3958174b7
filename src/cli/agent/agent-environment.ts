/** What the environment says where the command line says nothing: a container is told by variables. */
export function agentEnvironment() {
  const { BERTH_AGENT_REGISTRY, BERTH_AGENT_LOGIN, BERTH_AGENT_PASSWORD_FILE, DOCKER_HOST } = process.env
  return {
    registry: BERTH_AGENT_REGISTRY,
    login: BERTH_AGENT_LOGIN,
    passwordFile: BERTH_AGENT_PASSWORD_FILE,
    dockerHost: DOCKER_HOST,
  }
}
