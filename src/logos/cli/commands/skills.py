"""install, uninstall, skills: folders with a SKILL.md that agents may read and run."""

from logos.cli.registry import Argument, Asked, Command

SHORT = 12
"""Characters of a version that people see."""


async def install(asked: Asked) -> int:
    source = asked.here(asked.arguments.folder)
    skill, changed = await asked.node.skills.install(source, by=asked.by)
    data = {"name": skill.name, "version": skill.version, "files": skill.files, "changed": changed}
    said = "" if changed else ", as it was"
    text = f"/skills/{skill.name}: version {skill.version[:SHORT]}, {skill.files} files{said}"
    asked.out.data(data, text)
    return 0


async def uninstall(asked: Asked) -> int:
    name = asked.arguments.name
    await asked.node.skills.remove(name)
    asked.out.data({"name": name}, f"{name} is gone")
    return 0


async def skills(asked: Asked) -> int:
    shown = asked.node.skills.shown()
    data = [
        {
            "name": s.name,
            "description": s.description,
            "version": s.version,
            "files": s.files,
            "folder": s.folder,
            "source": s.source,
            "by": s.by,
        }
        for s in shown
    ]
    if not shown and not asked.out.json:
        asked.out.note("no skill is installed; logos install FOLDER")
        return 0
    rows = [(s.name, s.version[:SHORT], str(s.files), s.description, s.source) for s in shown]
    asked.out.table(("NAME", "VERSION", "FILES", "DESCRIPTION", "FROM"), rows, data)
    return 0


INSTALL = Command(
    "install",
    "copy a skill into the home, where agents find it below /skills",
    install,
    (Argument("folder", "a folder with a SKILL.md"),),
    effect="write",
    details="A version is the hash of a skill's files: what changes in the folder later changes nothing "
    "here until it is installed again. Agents see it where their file says skills: NAME, or "
    "where they may read /skills; its scripts run in the sandbox.",
)
UNINSTALL = Command(
    "uninstall",
    "remove a skill, with all its versions",
    uninstall,
    (Argument("name", "as `logos skills` lists it"),),
    effect="write",
    idempotent=False,
)
SKILLS = Command("skills", "list the installed skills", skills)
