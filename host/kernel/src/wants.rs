//! What a module wants to be granted, compared with what it is granted.
//!
//! The comparison comes before anything is made or taken from anybody, and the refusal names all that is missing
//! at once.

use crate::capability::Grant;
use crate::core::Core;
use crate::files::Access;
use crate::memory::Place;
use crate::program::Program;
use crate::refusal::Refusal;
use crate::spawn::Body;
use okernel_abi::layout::HandleKind;
use okernel_abi::want::{FileUse, Need};
use okernel_abi::{Errno, Want};

impl Core {
    /// Refuses to start a module without what it wants.
    pub(crate) fn check_wants(
        &self,
        body: &Body,
        grants: &[(String, Grant)],
    ) -> Result<(), Refusal> {
        let Body::Program(program @ Program::Module(module)) = body else {
            return Ok(());
        };
        let wants = self.shared.modules.wants(program);
        let lacks = wants.iter().filter_map(|want| self.lack(want, grants));
        let lacks: Vec<String> = lacks.collect();
        if lacks.is_empty() {
            return Ok(());
        }
        let text = format!("spawn: {module} wants {}", lacks.join(", "));
        Err(Refusal::new(Errno::NotGranted, text))
    }

    /// What is wrong with the grant that a module wants, if something is.
    fn lack(&self, want: &Want, grants: &[(String, Grant)]) -> Option<String> {
        let wanted = match want.file_use {
            FileUse::Read => want.kind.name().to_string(),
            other => format!("{} to {}", want.kind.name(), other.word()),
        };
        let granted = grants.iter().find(|(name, _)| *name == want.name);
        let Some((_, grant)) = granted else {
            let missing = format!("{} ({wanted})", want.name);
            return (want.need == Need::Required).then_some(missing);
        };
        let (kind, access) = self.kind_of(grant)?;
        let may = match want.file_use {
            FileUse::Read => true,
            FileUse::Append => access != Access::Read,
            FileUse::Write => access == Access::Write,
        };
        if kind == want.kind && may {
            return None;
        }
        let found = match kind {
            HandleKind::File => format!("file to {}", access.word()),
            other => other.name().to_string(),
        };
        Some(format!("{} ({wanted}; granted as {found})", want.name))
    }

    /// The kind of a grant, and for a file what may be done with it. None for an end of a ring that is not here,
    /// about which more is said when the task is started.
    fn kind_of(&self, grant: &Grant) -> Option<(HandleKind, Access)> {
        let kind = match grant {
            Grant::Endpoint(id) => match self.memory.place(*id)? {
                Place::Publisher(_) => HandleKind::Publisher,
                Place::Subscriber(_) => HandleKind::Subscriber,
            },
            Grant::Reader(..) => HandleKind::Subscriber,
            Grant::File(file) => return Some((HandleKind::File, file.access())),
            Grant::Timers => HandleKind::Timers,
            Grant::Clock => HandleKind::Clock,
            Grant::Console | Grant::Errors => HandleKind::Console,
            Grant::Spawn => HandleKind::Spawn,
            Grant::System => HandleKind::System,
            Grant::Attenuated(inner, _) => return self.kind_of(inner),
        };
        Some((kind, Access::Read))
    }
}
